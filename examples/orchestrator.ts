/**
 * An orchestrator in forty lines: attaches a container to dbnet with a MAC address and a host port, checks it, detaches
 * it, and tells what the log says. Give it a network namespace, as root:
 *
 *     ip netns add blue
 *     deno run -A examples/orchestrator.ts /run/netns/blue
 */
import { type Attachment, Cleat, CommandFailed, describeEvent } from "../mod.ts";

const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

const [netns] = Deno.args;
if (netns === undefined) throw new Error("Cannot start: the first argument must be the path of a network namespace");

await using cleat = new Cleat();
const dbnet = await cleat.load(decodeURIComponent(new URL("./", import.meta.url).pathname), "dbnet");
const container: Attachment = {
  containerId: "blue",
  netns,
  ifName: "eth0",
  capabilityArgs: {
    mac: "02:00:00:00:00:42",
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  },
};

try {
  const result = await cleat.attach(dbnet, container);
  say(`attached: ${result.ips?.map(({ address }) => address).join(", ")}`);
  await cleat.check(dbnet, container);
  say("checked: everything is as attach made it");
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  say(`failed with CNI code ${error.failure.code}: ${error.message}`);
  Deno.exitCode = 1;
} finally {
  await cleat.detach(dbnet, container); // also after a failure: the specification asks for it, and it does no harm
}

const chain = { network: dbnet.name, containerId: container.containerId, ifName: container.ifName, slot: "@chain" };
for (const { record, after } of await cleat.replay(chain)) say(`${after.value}: ${describeEvent(record.event)}`);
