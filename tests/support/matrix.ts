/** Rows of the interoperability matrix: one runtime with the plugins of one or two suites, through all verbs. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { can, unless } from "./capabilities.ts";
import { gatewayDbnet } from "./dbnet.ts";
import { goPlugins, type GoSuite, INSTALLED, NEWER, normal } from "./go_suite.ts";
import { Lab, leasesIn, tree } from "./lab.ts";
import type { Netns } from "./netns.ts";
import { cacheIn, type Ended, type Order, type Run, type Runtime, type Verb } from "./runtimes.ts";
import { type Snapshot, snapshot } from "./snapshot.ts";
import { dial, serve } from "./traffic.ts";

/** Where the plugins of a chain come from. */
export interface Suite {
  readonly name: string;
  /** Go's plugins among them. */
  readonly go: readonly string[];
  /** How the others are run: our executables, recipes in the runtime's process, or another release's executables. */
  readonly ours: "executables" | "recipes" | "another release";
  /** The release of Go's; null where it is not here. */
  readonly release: GoSuite | null;
}

const suite = (name: string, go: readonly string[], ours: Suite["ours"] = "executables"): Suite => ({
  name,
  go,
  ours,
  release: INSTALLED,
});

/** The same plugins, Go's being of the newer release. */
const newer = (of: Suite): Suite => ({ ...of, name: `${of.name}${NEWER?.mark ?? " (newer)"}`, release: NEWER });

/** All of ours, all of Go's. */
export const OURS = suite("our executables", []);
export const GOS = suite("Go's plugins", ["bridge", "host-local", "tuning", "portmap"]);
/** Plugins of both in one chain. */
export const MIXED = suite("Go's bridge and portmap around our host-local and tuning", ["bridge", "portmap"]);
export const SUITES: readonly Suite[] = [
  OURS,
  suite("our recipes, without executables", [], "recipes"),
  suite("the executables of another release of ours", [], "another release"),
  GOS,
  MIXED,
  suite("our bridge with Go's host-local", ["host-local"]),
  suite("our bridge and portmap around Go's tuning", ["tuning"]),
];

/** Of the newer release: Go's alone, and in chains with ours. */
export const NEWER_GOS = newer(GOS);
export const NEWER_MIXED = newer(MIXED);

/** The newest spec version all of them speak: the installed release of Go's plugins knows 1.0.0 and below. */
const newestOf = ({ newest }: Runtime, { go, release }: Suite): string =>
  go.length === 0 || newest === "1.0.0" ? newest : release?.newest ?? "1.0.0";

/** Launchers that a runtime of this release does not take for its own. */
const wrap = (folder: string, bin: string): string => {
  Deno.mkdirSync(folder);
  for (const name of ["bridge", "host-local", "tuning", "portmap"]) {
    Deno.writeTextFileSync(`${folder}/${name}`, `#!/bin/sh\nexec ${bin}/${name} "$@"\n`, { mode: 0o755 });
  }
  return folder;
};

/** The CNI_PATH that leads to a suite. */
const pathOf = (lab: Lab, { go, ours, release }: Suite): string => {
  if (ours === "recipes") return "";
  const rest = ours === "executables" ? lab.path : wrap(`${lab.folder}/other`, lab.path);
  return go.length === 0 ? rest : `${goPlugins(`${lab.folder}/go`, go, release ?? INSTALLED)}:${rest}`;
};

/** What the containers ask for. */
const CAPABILITY_ARGS: JsonObject = {
  mac: "02:00:00:00:00:77",
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
};

/** The result every cell must print, but for MAC addresses and names that are chance. */
const resultIn = (cniVersion: string): JsonObject => ({
  cniVersion,
  interfaces: [
    { name: "cni0", mac: "MAC" },
    { name: "VETH", mac: "MAC" },
    { name: "eth0", mac: "MAC", sandbox: "NETNS" },
  ],
  ips: [{
    ...(cniVersion < "1.0.0" ? { version: "4" } : {}),
    interface: 2,
    address: "10.1.0.2/16",
    gateway: "10.1.0.1",
  }],
  routes: [{ dst: "0.0.0.0/0" }],
  dns: { nameservers: ["10.1.0.1"] },
});

/** A lab with the network of the matrix, and one suite. */
export class Cell {
  readonly lab: Lab;
  readonly suite: Suite;
  readonly cniVersion: string;
  readonly path: string;

  constructor(lab: Lab, suite: Suite, cniVersion: string) {
    this.lab = lab;
    this.suite = suite;
    this.cniVersion = cniVersion;
    this.path = pathOf(lab, suite);
    Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, gatewayDbnet(lab, cniVersion));
  }

  /** An order for the container `id`. */
  order(id: string, netns: Netns, capabilityArgs: JsonObject = CAPABILITY_ARGS): Order {
    return { path: this.path, network: "dbnet", netns, id, capabilityArgs };
  }

  /** Why the chain's CHECK cannot pass, or null: Go's portmap 1.1 looks for its IPv4 rules among those of IPv6. */
  get lacksCheck(): string | null {
    const { go, release } = this.suite;
    return release === INSTALLED && go.includes("portmap") ? "Go's portmap 1.1 cannot check one family alone" : null;
  }

  /**
   * ADD printed what it must, the container answers on its port and has its MAC and its sysctl, and each plugin of ours has
   * its stream in the lab, whoever started it.
   */
  async isAttached({ failure, printed }: Ended, netns: Netns): Promise<void> {
    assert.equal(failure, null);
    assert.deepEqual(normal(printed ?? {}, this.lab), resultIn(this.cniVersion));
    await using _served = serve(netns, 80, "c1 ");
    assert.match(await dial(this.lab.host, "127.0.0.1", 8080), /^c1 /);
    assert.match(netns.must("ip link show eth0"), /02:00:00:00:00:77/);
    assert.equal(netns.must("cat /proc/sys/net/core/somaxconn"), "500\n");
    const ours = ["bridge", "host-local", "portmap", "tuning"].filter((name) => !this.suite.go.includes(name));
    const streams = Object.keys(await this.lab.states()).filter((name) => !name.endsWith("/@chain"));
    assert.deepEqual(streams.sort(), ours.map((name) => `dbnet/c1/eth0/${name}`));
  }

  /** No lease, no cache, no link, no rule about an address of the pool, and a container as `before`. */
  async isGone(netns: Netns, before: Snapshot): Promise<void> {
    await this.lab.isClean("cni0");
    assert.doesNotMatch(this.lab.remains().firewall, /10\.1\.0\.[2-9]/);
    assert.deepEqual(tree(cacheIn(this.lab)), {});
    assert.deepEqual(tree(`${this.lab.folder}/tuning`), {});
    const now = snapshot(netns);
    // Go's tuning does not put back the sysctls of a namespace.
    const kept = this.suite.go.includes("tuning") ? ["/proc/sys/net/core/somaxconn:500"] : [];
    assert.deepEqual(now.sysctls?.filter((line) => !before.sysctls?.includes(line)), kept);
    assert.deepEqual({ ...now, sysctls: [] }, { ...before, sysctls: [] });
  }
}

/** A verb that succeeds and prints nothing. */
export const silently = async (run: Run, verb: Verb, order: Order): Promise<void> =>
  assert.deepEqual(await run(verb, order), { failure: null, printed: null }, verb);

const works = can.netns && can.bridge && can.veth && can.nft && can.ip;

/** Names a test of the matrix; it is skipped, with the reason, where something of it is missing. */
export const needing = (name: string, { go, release }: Suite, ...runtimes: readonly Runtime[]) => {
  const runtime = runtimes.map(({ missing }) => missing).find((missing) => missing !== null) ?? null;
  const here = release === INSTALLED ? can.peer !== null : release !== null;
  const where = release === INSTALLED
    ? "no Go plugins in /usr/lib/cni"
    : "no newer suite of Go's: deno task newer-suite";
  const plugins = go.length > 0 && !(here && can.iptables) ? where : null;
  const missing = !works ? "no bridge, veth, nft or ip" : runtime ?? plugins;
  return unless(missing === null, name, missing ?? "");
};

/** One row: a test with a step for each verb. */
export function row(bin: string, runtime: Runtime, suite: Suite, cniVersion = newestOf(runtime, suite)): void {
  if (suite.ours === "recipes" && !runtime.inProcess) return;
  const name = `${runtime.name} with ${suite.name}, ${cniVersion}: every verb does what it does everywhere`;
  Deno.test({
    ...needing(name, suite, runtime),
    async fn(t) {
      using lab = new Lab(bin);
      const cell = new Cell(lab, suite, cniVersion);
      await runtime.use(lab, (run) => verbs(t, cell, runtime, run));
    },
  });
}

/** The steps of a row. */
async function verbs(t: Deno.TestContext, cell: Cell, runtime: Runtime, run: Run): Promise<void> {
  const step = (verb: Verb, says: string, fn: () => Promise<void>, lacks = runtime.lacks(verb)) =>
    t.step({ ...unless(lacks === null, `${verb} ${says}`, lacks ?? ""), fn });
  const netns = cell.lab.container();
  const untouched = snapshot(netns);
  const one = cell.order("c1", netns);
  await step("STATUS", "says that all is well", () => silently(run, "STATUS", one));
  await step("ADD", "attaches and answers the one result", async () => cell.isAttached(await run("ADD", one), netns));
  if (cell.cniVersion < "0.4.0") {
    await step("CHECK", "is refused, for the version has none", async () => {
      assert.match((await run("CHECK", one)).failure ?? "", /does not support the CHECK command/);
    });
  } else {await step("CHECK", "passes, and fails when the address is gone", () =>
      checks(cell, run, one), cell.lacksCheck);}
  await step("DEL", "leaves nothing", async () => {
    await silently(run, "DEL", one);
    await cell.isGone(netns, untouched);
  });
  const host = snapshot(cell.lab.host);
  await step("DEL", "again succeeds and changes nothing", async () => {
    await silently(run, "DEL", one);
    await cell.isGone(netns, untouched);
    assert.deepEqual(snapshot(cell.lab.host), host);
  });
  await step("GC", "removes what is not valid and spares what is", async () => {
    await collects(cell, run);
    await cell.isGone(netns, untouched);
    assert.deepEqual(snapshot(cell.lab.host), host);
  });
  await step("VERSION", "tells that every plugin speaks the version of the list", () => tells(cell, run, one));
}

async function checks({ suite }: Cell, run: Run, order: Order): Promise<void> {
  await silently(run, "CHECK", order);
  order.netns.must("ip address del 10.1.0.2/16 dev eth0");
  assert.match((await run("CHECK", order)).failure ?? "", /10\.1\.0\.2/);
  // Go's bridge removes masquerade of the addresses that it finds on the link, and no other.
  if (suite.go.includes("bridge")) order.netns.must("ip address add 10.1.0.2/16 dev eth0");
}

/** Two containers, of which one is dead; then none is alive. */
async function collects(cell: Cell, run: Run): Promise<void> {
  const { lab } = cell;
  const [living, dead] = [cell.order("living", lab.container(), {}), cell.order("dead", lab.container())];
  const untouched = [living, dead].map(({ netns }) => snapshot(netns));
  for (const order of [living, dead]) assert.equal((await run("ADD", order)).failure, null);
  const alive = snapshot(living.netns);
  await silently(run, "GC", { ...dead, valid: ["living"] });
  assert.deepEqual(snapshot(living.netns), alive);
  assert.deepEqual(Object.values(leasesIn(lab.leases)), ["living\r\neth0"]);
  assert.deepEqual(Object.keys(tree(cacheIn(lab))), ["results/dbnet-living-eth0"]);
  if (cell.cniVersion >= "0.4.0") await silently(run, "CHECK", living);
  await silently(run, "GC", { ...dead, valid: [] });
  for (const [i, { netns }] of [living, dead].entries()) await cell.isGone(netns, untouched[i] ?? {});
}

async function tells(cell: Cell, run: Run, order: Order): Promise<void> {
  const { failure, printed } = await run("VERSION", order);
  assert.equal(failure, null);
  assert.deepEqual(Object.keys(printed ?? {}).sort(), ["bridge", "portmap", "tuning"]);
  for (const [plugin, versions] of Object.entries(printed ?? {})) {
    assert.ok(Array.isArray(versions) && versions.includes(cell.cniVersion), `${plugin}: ${JSON.stringify(versions)}`);
  }
}
