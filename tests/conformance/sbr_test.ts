/** Our sbr beside Go's: the same interfaces, the same requests, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { peerPlugin } from "../support/capabilities.ts";
import { besideGo, goBin } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return test.ignore || peerPlugin("sbr") !== null ? test : { name: `${name} (skipped: no sbr of Go's)`, ignore: true };
};

/** `eth0` with the default route and `net1` with a route by a gateway, on links of kind ifb, which always have carrier. */
function twoInterfaces(lab: Lab, more = ""): Netns {
  const ns = lab.container();
  ns.must(`for l in eth0 net1; do
      ip link add $l type ifb; echo 1 > /proc/sys/net/ipv6/conf/$l/disable_ipv6; ip link set $l up
    done
    ip address add 10.0.0.2/24 dev eth0; ip route add 10.7.0.0/16 via 10.0.0.1; ip route add default via 10.0.0.1
    ip address add 192.168.1.209/24 dev net1; ip route add 192.168.2.0/24 via 192.168.1.2 dev net1 metric 9
    ${more}`);
  return ns;
}

/** Who has made a route is written by us where it is a plugin, and left as it was by Go's. */
const seenIn = (ns: Netns) => ({
  rules: ns.must("ip rule"),
  routes: ns.must("ip route show table all").split("\n").filter((line) => !/table local/.test(line))
    .map((line) => line.replace(/ proto \w+/, "").trim()).sort(),
});

const FIRST = { address: "192.168.1.209/24", gateway: "192.168.1.1", interface: 1 };
const SECOND = { address: "192.168.101.209/24", gateway: "192.168.101.1", interface: 1 };

const configOf = (cniVersion: string, settings: JsonObject, ips: readonly JsonObject[]): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "sbr",
  ...settings,
  prevResult: {
    cniVersion,
    interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }, { name: "net1", sandbox: "/run/netns/c1" }],
    ips: [{ address: "10.0.0.2/24", interface: 0 }, ...ips].map((ip) => ({
      ...(cniVersion < "1.0.0" ? { version: "4" } : {}),
      ...ip,
    })),
  },
});

const TWO = "ip address add 192.168.101.209/24 dev net1";
const DEFAULT = "ip route add default via 192.168.1.1 dev net1 metric 7";

const CASES: readonly [string, string, JsonObject, readonly JsonObject[]][] = [
  ["[SB1] routes and a gateway", "", {}, [FIRST]],
  ["[SB3] a default route of its own", DEFAULT, {}, [FIRST]],
  ["[SB4] two addresses", TWO, {}, [FIRST, SECOND]],
];

for (const [name, more, settings, ips] of CASES) {
  Deno.test({
    ...beside(`${name}: rules and routes are those of Go's, in every form, and so are the rules after DEL`),
    async fn() {
      for (const version of ["0.3.1", "0.4.0", "1.0.0"]) {
        const seen = [];
        for (const folder of [bin, goBin]) {
          using lab = new Lab(folder);
          const netns = twoInterfaces(lab, more);
          const call = { config: configOf(version, settings, ips), netns, ifName: "net1" };
          const result = await lab.ok("sbr", { verb: "ADD", ...call });
          const during = seenIn(netns);
          if (version >= "0.4.0") await lab.ok("sbr", { verb: "CHECK", ...call });
          await lab.ok("sbr", { verb: "DEL", ...call });
          seen.push({ ips: result.ips, during, after: seenIn(netns).rules });
        }
        assert.deepEqual(seen[0], seen[1], version);
      }
    },
  });
}

Deno.test({
  ...beside("[SB2] each suite's CHECK confirms, and its DEL undoes, what the other one has attached"),
  async fn() {
    for (const [adds, other] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const netns = twoInterfaces(lab);
      const before = seenIn(netns).rules;
      const call = { config: configOf("1.0.0", {}, [FIRST]), netns, ifName: "net1" };
      await lab.ok("sbr", { verb: "ADD", ...call });
      await lab.ok(`${other}/sbr`, { verb: "CHECK", ...call });
      await lab.ok(`${other}/sbr`, { verb: "DEL", ...call });
      assert.equal(seenIn(netns).rules, before);
      await lab.ok(`${bin}/sbr`, { verb: "DEL", ...call });
      assert.equal(seenIn(netns).rules, before);
    }
  },
});
