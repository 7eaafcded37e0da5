/** Chains of five plugins, of Go's, of ours and mixed: what one suite has attached the other checks, deletes, collects. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { all, type Backend, ChainOfFive, type From, leftIn, reached } from "../support/chain_of_five.ts";
import { besideGo, eachSuite, type GoSuite, INSTALLED, newerOnly } from "../support/go_suite.ts";
import { hasKind } from "../support/kinds.ts";
import { Lab } from "../support/lab.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return test.ignore || (can.tc && hasKind("ifb")) ? test : unless(false, name, "no ifb or tc");
};

const KINDS = [["bridge", "nftables"], ["bridge", "iptables"], ["ptp", "nftables"], ["ptp", "iptables"]] as const;

/** One of each plugin and each backend. */
const EACH_ONCE = [["bridge", "nftables"], ["ptp", "iptables"]] as const;

/** What Go's make by each backend. */
const MARKS = {
  nftables: [/cni_plugins_masquerade/, /cni_hostport/, /net: swap, if: eth0, id: c1/, /dnat to 10\.44\.0\.3:80/],
  iptables: [/-j MASQUERADE/, /CNI-DN-/, /dnat name: .*swap.* id: .*c1/],
} as const;

const bearsMarks = (left: JsonObject, first: string, backend: Backend): void => {
  const common = [/CNI-FORWARD -s 10\.44\.0\.3/, /c1_eth0\.json/, /IFB.*IFB/];
  const own = first === "bridge" ? [/macspoofchk-c1-eth0/] : [/10\.44\.0\.3 dev VETH/];
  for (const mark of [...common, ...own, ...MARKS[backend]]) assert.match(JSON.stringify(left), mark);
};

/** A lab with a network outside, and a chain in it. */
const stage = (first: "bridge" | "ptp", backend: Backend, go: GoSuite) => {
  const lab = new Lab(bin);
  return { lab, outside: lab.outside(), chain: new ChainOfFive(lab, first, backend, go.newest, bin, go.bin) };
};

for (const [first, backend] of KINDS) {
  newerOnly({
    ...beside(`what Go's ${first}, tuning, bandwidth, firewall and portmap made by ${backend}, ours check and delete`),
    async fn(go) {
      const { lab, outside, chain } = stage(first, backend, go);
      using _ = lab;
      const keep = await chain.attach(all(go.bin), "keep", 8000);
      const before = leftIn(lab);
      const one = await chain.attach(all(go.bin), "c1", 8080);
      bearsMarks(leftIn(lab), first, backend);
      const kept = await reached(lab, outside, keep);
      await chain.check(all(bin), one);
      await chain.check(all(bin), keep);
      for (const time of ["first", "second"]) {
        await chain.detach(all(bin), one);
        assert.deepEqual(leftIn(lab), before, `after the ${time} DEL`);
      }
      assert.deepEqual(await reached(lab, outside, keep), kept);
      await chain.check(all(go.bin), keep);
    },
  });
}

newerOnly({
  ...beside("GC of our plugins collects what tells its network of a dead container of Go's, and leaves the living"),
  async fn(go) {
    for (const [first, backend] of EACH_ONCE) {
      const { lab, outside, chain } = stage(first, backend, go);
      using _ = lab;
      const keep = await chain.attach(all(go.bin), "keep", 8000);
      const one = await chain.attach(all(go.bin), "c1", 8080);
      const kept = await reached(lab, outside, keep);
      one.netns.must("ip link delete eth0"); // its namespace died
      await chain.collect(all(bin), keep);
      // Rules of Go's firewall name nobody, those of its portmap in nf_tables and tuning's backups no network.
      const { leases, ...left } = leftIn(lab);
      assert.deepEqual(leases, { "swap/10.44.0.2": "keep\r\neth0", "swap/fd44::2": "keep\r\neth0" });
      assert.doesNotMatch(JSON.stringify(left), /macspoofchk-c1|id: .{0,4}c1|--dport 8080/);
      assert.deepEqual(await reached(lab, outside, keep), kept);
      await chain.check(all(go.bin), keep);
      await chain.detach(all(bin), one);
      assert.doesNotMatch(JSON.stringify(leftIn(lab)), /\bc1\b|10\.44\.0\.3|fd44::3/, "a DEL finds the rest");
    }
  },
});

newerOnly({
  ...beside("what ours made of five, Go's check, but for host ports, and delete; GC of ours collects the rest"),
  async fn(go) {
    for (const [first, backend] of EACH_ONCE) {
      const { lab, chain } = stage(first, backend, go);
      using _ = lab;
      const one = await chain.attach(all(bin), "c1", 8080);
      await chain.check(all(go.bin), one, "portmap");
      await chain.detach(all(go.bin), one);
      await chain.collect(all(bin));
      await lab.isClean(...(first === "bridge" ? ["cni0"] : []), "out0");
    }
  },
});

const MIXES: readonly (readonly [string, readonly string[]])[] = [
  ["Go's alone", ["bridge", "ptp", "host-local", "tuning", "bandwidth", "firewall", "portmap"]],
  ["Go's first, third and fifth among ours", ["bridge", "ptp", "bandwidth", "portmap"]],
  ["Go's second and fourth, and its host-local, among ours", ["host-local", "tuning", "firewall"]],
];

/** Attaches, looks who is reached, checks, detaches; nothing is left. */
async function life(
  go: GoSuite,
  from: From,
  first: "bridge" | "ptp",
  backend: Backend,
  ...unchecked: readonly string[]
) {
  const { lab, outside, chain } = stage(first, backend, go);
  using _ = lab;
  const one = await chain.attach(from, "c1", 8080);
  const seen = await reached(lab, outside, one);
  await chain.check(from, one, ...unchecked);
  await chain.detach(from, one);
  const left = JSON.stringify(leftIn(lab));
  assert.doesNotMatch(left, /\bc1\b|VETH|IFB|10\.44\.0\.2|fd44::2/, left);
  return seen;
}

/** Who is reached, and from where, whoever has attached. */
const REACHED = [
  "the container saw 10.44.0.1",
  "the container saw 192.0.2.1",
  "the container saw 192.0.2.2",
  "the outside saw 192.0.2.1",
  "the outside saw 2001:db8::1",
];

Deno.test({
  ...beside("five plugins, ours alone: all are reached, from the same addresses, CHECK passes, DEL leaves nothing"),
  async fn() {
    for (const [first, backend] of EACH_ONCE) {
      assert.deepEqual(await life(INSTALLED, all(bin), first, backend), REACHED, first);
    }
  },
});

for (const [mix, names] of MIXES) {
  eachSuite({
    ...beside(`five plugins, ${mix}: all are reached, from the same addresses, CHECK passes, DEL leaves nothing`),
    async fn(go) {
      const from: From = (type) => names.includes(type) ? go.bin : bin;
      // Go's portmap 1.1.1 looks for the IPv4 rules among those of IPv6.
      const unchecked = go.newest === "1.0.0" && names.includes("portmap") ? ["portmap"] : [];
      for (const [first, backend] of EACH_ONCE) {
        assert.deepEqual(await life(go, from, first, backend, ...unchecked), REACHED, first);
      }
    },
  });
}
