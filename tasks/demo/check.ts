/** The middle of the story: CHECK finds what somebody broke, and an ADD that cannot succeed changes nothing. */
import * as Effect from "effect/Effect";
import { belongings, withHost } from "./looks.ts";
import { type Cast, netnsOf } from "./scenery.ts";
import { heading, must, show, tell, type } from "./stage.ts";

const CHECK_BLUE = "cleat check dbnet /run/netns/blue --container-id blue";

/** Blue's way out of its subnet. */
const DEFAULT_ROUTE = { on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" } as const;

/** CHECK names what differs. */
export async function checkAndBreak(): Promise<void> {
  heading("Break something, and CHECK names it");
  tell("Nothing is broken yet, so CHECK has nothing to say. The shell knows blue, for both use one log.");
  const { stdout, stderr } = await type(CHECK_BLUE);
  must(stdout + stderr === "", "CHECK of an intact attachment is silent", stdout + stderr);
  tell("Now somebody removes blue's default route: `ip route del default` in blue.");
  await withHost(netnsOf("blue"), (host) => Effect.asVoid(host.apply({ op: "route.remove", ...DEFAULT_ROUTE })));
  const broken = await type(CHECK_BLUE, 1);
  show(broken.stderr);
  must(broken.stderr.includes("0.0.0.0/0"), "CHECK names the default route", broken.stderr);
  tell("The route comes back, and CHECK is content again.");
  await withHost(netnsOf("blue"), (host) => Effect.asVoid(host.apply({ op: "route.add", ...DEFAULT_ROUTE })));
  await type(CHECK_BLUE);
}

/** A refused ADD is rolled back. */
export async function refuse({ cleat }: Cast): Promise<void> {
  heading("An ADD that fails leaves nothing behind");
  tell("green wants the same port of the host. By then it has a veth and an address, which are taken back.");
  const before = JSON.stringify(await belongings(cleat));
  const { stderr } = await type(
    `cleat add dbnet ${
      netnsOf("green")
    } --container-id thief --cap 'portMappings=[{"hostPort":8080,"containerPort":80}]'`,
    1,
  );
  show(stderr);
  must(stderr.includes("8080") && stderr.includes("dbnet/blue/eth0"), "the refusal names port and holder", stderr);
  const steps = await cleat.replay({ network: "dbnet", containerId: "thief", ifName: "eth0", slot: "bridge" });
  const undone = steps.filter(({ record }) => record.event.type === "undo.applied").length;
  must(undone === 2, "veth and lease have been taken back", `${undone} changes undone`);
  const after = JSON.stringify(await belongings(cleat));
  must(after === before, `the host is as before, ${before}`, after);
  tell("Links, leases, nf_tables and cached results are as they were before.");
}
