/**
 * Deaths of the plugins whose kinds of links small kernels lack: a process dies before and after every step of ADD and DEL,
 * and DEL, GC or a recovery of the host leaves nothing. `CLEAT_VM_CRASHES=all`: at every point, not at a sample of them.
 */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { type Death, looksOf, type Member, pointsOf, tryDeaths } from "../support/dying_crowd.ts";
import { hasKind, needsKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const isWhole = Deno.env.get("CLEAT_VM_CRASHES") === "all";

/** Of a sample every so manieth death: odd, so that points before and after steps come up. */
const SAMPLE = 61;

/** The link of the host that those with a master are made on. */
const MASTER = `
ip link add out0 address 02:00:00:00:00:31 type veth peer name far0 address 02:00:00:00:00:32
ip link set far0 up; ip link set out0 up`;

/**
 * An interface with addresses and routes of its own, for vrf to move. With the first VRF of a namespace the kernel makes
 * rules that look into the tables of all VRFs, and they stay.
 */
const INTERFACE = `
ip link add before0 type vrf table 999; ip link del before0
for conf in all default; do echo 0 > /proc/sys/net/ipv6/conf/$conf/accept_dad; done
ip link add eth0 address 02:00:00:00:00:02 type veth peer name far0 address 02:00:00:00:00:01
ip link set far0 up; ip link set eth0 up
ip address add 10.77.0.2/24 dev eth0; ip address add fd77::2/64 dev eth0 nodad
ip route add 10.78.0.0/16 via 10.77.0.1; ip route add default via 10.77.0.1; ip route add fd78::/64 via fd77::1`;

/** A plugin whose links are of a kind that may be missing: what its container has before, and its n-th configuration. */
interface Case {
  readonly kind: string;
  readonly container: string;
  readonly settings: (n: number, ipam: JsonObject) => JsonObject;
}

const CASES: readonly Case[] = [
  { kind: "dummy", container: "", settings: (_, ipam) => ({ ipam }) },
  // A master has each VLAN once, in whichever namespace.
  { kind: "vlan", container: "", settings: (n, ipam) => ({ master: "out0", vlanId: 100 + n, mtu: 1400, ipam }) },
  { kind: "ipvlan", container: "", settings: (_, ipam) => ({ master: "out0", mode: "l3", ipam }) },
  {
    kind: "vrf",
    container: INTERFACE,
    settings: () => ({
      vrfname: "blue",
      prevResult: {
        cniVersion: "1.1.0",
        interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
        ips: [{ address: "10.77.0.2/24", interface: 0 }, { address: "fd77::2/64", interface: 0 }],
      },
    }),
  },
];

/** The n-th attachment of the host. */
function memberOf(lab: Lab, { kind, container, settings }: Case, n: number): Member {
  const netns: Netns = lab.container();
  if (container !== "") netns.must(container);
  const ipam = ipamIn(lab, `10.${n}.0.0/24`, `fd00:${n}::/64`);
  const config = { cniVersion: "1.1.0", name: `${kind}-${n}`, type: kind, ...settings(n, ipam) };
  return { plugin: kind, netns, state: lab.state, config };
}

const missing = CASES.find(({ kind }) => !hasKind(kind))?.kind ?? "dummy";

Deno.test({
  ...needsKind(
    missing,
    `dummy, vlan, ipvlan and vrf die ${
      isWhole ? "at every point" : "at some points"
    } of ADD and DEL, and leave nothing`,
  ),
  async fn() {
    using lab = new Lab();
    lab.host.must(MASTER);
    const cases = CASES.map((each, i) => ({ each, member: memberOf(lab, each, i + 1) }));
    const { host: before } = looksOf(lab, []);
    const points: { readonly each: Case; readonly verb: "ADD" | "DEL"; readonly at: number }[] = [];
    for (const { each, member } of cases) {
      const counts = await pointsOf(lab, member);
      assert.ok(counts.ADD > 8 && counts.DEL > 6, `${each.kind} has ${counts.ADD} points of ADD, ${counts.DEL} of DEL`);
      for (const verb of ["ADD", "DEL"] as const) {
        for (let at = 0; at < counts[verb]; at++) points.push({ each, verb, at });
      }
    }
    const after = looksOf(lab, []).host;
    assert.deepEqual(after, before);
    const chosen = points.filter((_, i) => isWhole || i % SAMPLE === 1);
    const crowd = chosen.map(({ each, ...point }, i): Death => ({ member: memberOf(lab, each, i + 10), ...point }));
    const verbs = ["DEL", "DEL", "GC"] as const;
    const left = await tryDeaths(lab, crowd, {
      recovery: ({ at }) => isWhole ? "DEL" : verbs[at % verbs.length] ?? "DEL",
      after,
    });
    assert.deepEqual(left, []);
    if (isWhole) {
      const some = crowd.filter((_, i) => i % 5 === 0);
      assert.deepEqual(await tryDeaths(lab, some, { recovery: "recover", after }), []);
      assert.deepEqual(await tryDeaths(lab, some, { recovery: ({ at }) => at % 2 === 0 ? "GC" : "ADD", after }), []);
    }
  },
});
