/** The bandwidth executable on a real kernel, behind ptp and bridge. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { hasKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { counted, rootOf, transfer } from "../support/shaped_traffic.ts";

const bin = await builtBin();
const live = (name: string) =>
  unless(can.netns && can.veth && can.nft && can.ip && can.tc && hasKind("ifb"), name, "no veth, ifb, nft, ip or tc");

/** Bytes per second, and bytes at once. */
const RATE = 1_000_000;
const BURST = 20_000;
/** So many bytes take a fifth of a second at that rate, but for what passes at once. */
const AMOUNT = 220_000;
const AT_LEAST_MS = 1_000 * (AMOUNT - BURST) / RATE;

const LIMITS = { ingressRate: 8 * RATE, ingressBurst: 8 * BURST, egressRate: 8 * RATE, egressBurst: 8 * BURST };

const conf = (settings: JsonObject): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net8",
  type: "bandwidth",
  ...settings,
});

interface Attached {
  readonly netns: Netns;
  /** The host's end. */
  readonly end: string;
  readonly prevResult: JsonObject;
  readonly detach: () => Promise<unknown>;
}

/** Attaches a container with ptp; 10.8.0.1 is the host. */
async function attached(lab: Lab): Promise<Attached> {
  const netns = lab.container();
  const ipam = { ...ipamIn(lab, "10.8.0.0/24"), routes: [{ dst: "0.0.0.0/0" }] };
  const config = { ...conf({}), type: "ptp", ipam };
  const prevResult = await lab.ok("ptp", { verb: "ADD", config, netns });
  const end = lab.remains().links.find((name) => name.startsWith("veth")) ?? "none";
  return { netns, end, prevResult, detach: () => lab.ok("ptp", { verb: "DEL", config, netns }) };
}

const ifbIn = ({ interfaces }: JsonObject): string => {
  const last = Array.isArray(interfaces) ? interfaces.at(-1) : null;
  return last instanceof Object && "name" in last ? String(last.name) : "none";
};

Deno.test({
  ...live("[BW1, BW7, BW12] behind ptp both directions are held up, CHECK agrees, and after DEL nothing is"),
  async fn() {
    using lab = new Lab(bin);
    const { netns, end, prevResult, detach } = await attached(lab);
    const call = { config: conf({ ...LIMITS, prevResult }), netns };
    const result = await lab.ok("bandwidth", { verb: "ADD", ...call });
    const ifb = ifbIn(result);
    const [link] = JSON.parse(lab.host.must(`ip -d -j link show ${ifb}`));
    assert.deepEqual([link.linkinfo.info_kind, link.ifalias, link.mtu], ["ifb", "net8/c1/eth0", 1_500]);
    const checked = { verb: "CHECK", ...call, config: conf({ ...LIMITS, prevResult: result }) } as const;
    await lab.ok("bandwidth", checked);
    const received = await transfer(lab.host, netns, "10.8.0.2", AMOUNT);
    const sent = await transfer(netns, lab.host, "10.8.0.1", AMOUNT);
    for (const [took, name] of [[received, end], [sent, ifb]] as const) {
      assert.ok(took > 0.9 * AT_LEAST_MS, `${AMOUNT} bytes took ${took} ms through ${name}`);
      const { kind, bytes = 0, overlimits = 0 } = rootOf(lab.host, name) ?? {};
      assert.ok(kind === "tbf" && bytes > AMOUNT && overlimits > 10, `${name}: ${kind} ${bytes} ${overlimits}`);
    }
    lab.host.must(`tc qdisc change dev ${end} root handle 1: tbf rate 16mbit burst 40000 latency 25ms`);
    assert.match((await lab.refused("bandwidth", checked)).msg, /rate of 1000000 bytes per second, found 2000000/);
    for (const _ of [1, 2]) await lab.ok("bandwidth", { verb: "DEL", ...call });
    assert.deepEqual(lab.host.must(`tc filter show dev ${end} ingress`), "");
    assert.deepEqual(counted(lab.host, end).map(({ kind }) => kind), ["noqueue"]);
    await transfer(netns, lab.host, "10.8.0.1", AMOUNT);
    await detach();
    await lab.isClean();
  },
});

Deno.test({
  ...live("what is exchanged with some partners is held up, or is not, as the subnets say"),
  async fn() {
    for (const key of ["shapedSubnets", "unshapedSubnets"]) {
      using lab = new Lab(bin);
      const { netns, end, prevResult, detach } = await attached(lab);
      lab.host.must("ip address add 10.99.0.1/32 dev lo");
      const settings = { ...LIMITS, [key]: ["10.99.0.0/16", "fd99::/64"] };
      const call = { config: conf({ ...settings, prevResult }), netns };
      const result = await lab.ok("bandwidth", { verb: "ADD", ...call });
      const ifb = ifbIn(result);
      await lab.ok("bandwidth", { verb: "CHECK", ...call, config: conf({ ...settings, prevResult: result }) });
      const shaped = () => counted(lab.host, ifb).find(({ handle }) => handle === "30:")?.bytes ?? -1;
      const free = () => rootOf(lab.host, ifb)?.options?.direct_packets_stat ?? -1;
      const [partner, others] = key === "shapedSubnets" ? [shaped, free] : [free, shaped];
      await transfer(netns, lab.host, "10.99.0.1", AMOUNT);
      assert.ok(partner() > 0, `${key}: ${partner()} of the partner`);
      const before = others();
      await transfer(netns, lab.host, "10.8.0.1", AMOUNT);
      assert.ok(others() > before, `${key}: ${others()} of others`);
      const { kind, bytes = 0 } = rootOf(lab.host, end) ?? {};
      assert.ok(kind === "htb" && bytes > 0, "acknowledgements go through the other direction");
      await lab.ok("bandwidth", { verb: "DEL", ...call });
      await detach();
      await lab.isClean();
    }
  },
});

Deno.test({
  ...live("[BW7] DEL after the container's namespace, and DEL with no more than a name, remove the ifb"),
  async fn() {
    for (const bare of [false, true]) {
      using lab = new Lab(bin);
      const netns = newNetns({ lo: true });
      lab.host.must(`ip link add vb0 up type veth peer name eth0 netns ${netns.path}`);
      const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "vb0" }, { name: "eth0", sandbox: netns.path }] };
      const config = conf({ ...LIMITS, prevResult });
      await lab.ok("bandwidth", { verb: "ADD", config, netns });
      if (!bare) netns[Symbol.dispose]();
      await lab.ok("bandwidth", { verb: "DEL", config: bare ? conf({}) : config, netns: bare ? undefined : netns });
      if (bare) {
        assert.deepEqual(counted(lab.host, "vb0").map(({ kind }) => kind), ["noqueue"]);
        netns[Symbol.dispose]();
      }
      lab.host.sh("ip link del vb0"); // the kernel removes it as well, when it has time
      await lab.isClean();
    }
  },
});

const LISTS: readonly (readonly [string, (lab: Lab) => JsonObject])[] = [
  ["ptp", (lab) => ({ type: "ptp", ipam: ipamIn(lab, "10.8.0.0/24") })],
  ["bridge", (lab) => ({ type: "bridge", bridge: "br8", isGateway: true, ipam: ipamIn(lab, "10.8.0.0/24") })],
];

for (const [type, first] of LISTS) {
  Deno.test({
    ...live(`[BW14] a network of ${type} and bandwidth: attach, check, send, detach, through the runtime`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const plugins = [first(lab), { type: "bandwidth", capabilities: { bandwidth: true } }];
      const list = { cniVersion: "1.0.0", name: "net8", plugins };
      Deno.writeTextFileSync(`${lab.folder}/net8.conflist`, JSON.stringify(list));
      const env = { CAP_ARGS: JSON.stringify({ bandwidth: LIMITS }) };
      const args = ["net8", netns.path, "--container-id=c1"];
      for (const verb of ["add", "check"]) {
        const { code, stderr } = await lab.cleat([verb, ...args], env);
        assert.equal(code, 0, stderr);
      }
      const ifb = lab.remains().links.find((name) => name.startsWith("bwp")) ?? "none";
      assert.ok(await transfer(netns, lab.host, "10.8.0.1", AMOUNT) > 0.9 * AT_LEAST_MS);
      assert.ok((rootOf(lab.host, ifb)?.bytes ?? 0) > AMOUNT);
      const { code, stderr } = await lab.cleat(["del", ...args], env);
      assert.equal(code, 0, stderr);
      await lab.isClean(...(type === "bridge" ? ["br8"] : []));
    },
  });
}
