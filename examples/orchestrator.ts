/**
 * An orchestrator in thirty lines: attach a container to dbnet with a MAC address and a published port, check it,
 * tell its history, detach it. Give it the path of the container's network namespace:
 *
 *     sudo deno run -A examples/orchestrator.ts /run/netns/blue
 */
import { Cleat, CommandFailed, describeEvent } from "../mod.ts";

const netns = Deno.args[0];
if (netns === undefined) throw new Error("Cannot start: the path of a network namespace must be the first argument");

await using cleat = new Cleat();
const dbnet = await cleat.load(new URL(".", import.meta.url).pathname.replace(/\/$/, ""), "dbnet");
const container = {
  containerId: "blue",
  netns,
  ifName: "eth0",
  capabilityArgs: {
    mac: "02:00:00:00:00:42",
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  },
};

const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
try {
  const result = await cleat.attach(dbnet, container);
  say(`attached: ${result.ips?.map(({ address }) => address).join(", ")}`);
  await cleat.check(dbnet, container);
  say("checked: everything is as ADD made it");
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  say(`failed with CNI code ${error.failure.code}: ${error.message}`);
} finally {
  await cleat.detach(dbnet, container);
}
for (const id of await cleat.streams({ network: "dbnet", containerId: "blue" })) {
  say(`${id.slot}:`);
  for (const { record, after } of await cleat.replay(id)) say(`  ${after.value}: ${describeEvent(record.event)}`);
}
