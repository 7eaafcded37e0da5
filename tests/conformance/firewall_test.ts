/** Our firewall beside Go's, behind our bridge, in twin namespaces. Numbers are those of scenarios/firewall.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can } from "../support/capabilities.ts";
import { admit, dismiss, filterOf, type FirewallNet, type Guest } from "../support/firewall.ts";
import { besideGo, eachSuite, installedOnly, normal } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";

const bin = await builtBin();
const beside = (name: string) => can.ping ? besideGo(name) : { name: `${name} (skipped: no ping)`, ignore: true };

const NET: FirewallNet = { name: "twin", bridge: "brt", subnets: ["10.63.0.0/24", "fd63::/64"] };

const SETTINGS: readonly [string, JsonObject][] = [
  ["nothing", {}],
  ["iptables", { backend: "iptables" }],
  ["nftables", { backend: "nftables" }],
  ["an admin chain", { iptablesAdminChainName: "OPS-FIRST" }],
];

const detach = async (lab: Lab, net: FirewallNet, guest: Guest, plugin = "firewall") => {
  await lab.ok(plugin, { verb: "DEL", config: guest.config, netns: guest.netns, id: guest.id });
  await dismiss(lab, net, guest, bin);
};

for (const [name, settings] of SETTINGS) {
  const register = name === "nothing" ? eachSuite : installedOnly;
  register({
    ...beside(
      `[FW1, FW2, FW4, FW5] with ${name}: results and rules are those of Go's, from ADD to DEL of two containers`,
    ),
    async fn({ bin: goBin }) {
      for (const cniVersion of Object.keys(settings).length === 0 ? ["0.4.0", "1.0.0"] : ["1.0.0"]) {
        const lives: unknown[] = [];
        for (const folder of [bin, goBin]) {
          using lab = new Lab(folder);
          const net = { ...NET, settings, cniVersion };
          const guests = [await admit(lab, net, "c1", { bin }), await admit(lab, net, "c2", { bin })];
          const seen: unknown[] = [guests.map(({ result }) => normal(result, lab)), filterOf(lab.host)];
          for (const guest of guests) {
            await lab.ok("firewall", { verb: "CHECK", config: guest.config, netns: guest.netns, id: guest.id });
            await detach(lab, net, guest);
            seen.push(filterOf(lab.host));
          }
          lives.push(seen);
          await lab.isClean("brt");
        }
        assert.deepEqual(lives[0], lives[1], cniVersion);
      }
    },
  });
}

eachSuite({
  ...beside("[FW5] each suite's CHECK accepts and each suite's DEL closes what the other one has opened"),
  async fn({ bin: goBin }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const [guest, other] = [await admit(lab, NET, "c1", { bin }), await admit(lab, NET, "c2", { bin })];
      const call = { config: guest.config, netns: guest.netns, id: "c1" };
      await lab.ok(`${deletes}/firewall`, { verb: "CHECK", ...call });
      await lab.ok(`${deletes}/firewall`, { verb: "DEL", ...call });
      const left = JSON.stringify(filterOf(lab.host));
      assert.ok(!left.includes("10.63.0.2/32") && !left.includes("fd63::2/128"), left);
      assert.ok(left.includes("10.63.0.3/32") && left.includes("fd63::3/128"), left);
      await detach(lab, NET, guest);
      await detach(lab, NET, other);
      await lab.isClean("brt");
    }
  },
});

installedOnly({
  ...beside("a container of ours keeps its way when Go's DEL of an earlier holder of the address comes late"),
  async fn({ bin: goBin }) {
    using lab = new Lab(bin);
    const earlier = await admit(lab, NET, "c1", { bin, firewall: `${goBin}/firewall` });
    await dismiss(lab, NET, earlier, bin);
    // host-local goes round: with its memory gone the address is given out again.
    Deno.removeSync(`${lab.leases}/twin`, { recursive: true });
    const guest = await admit(lab, NET, "c2", { bin });
    assert.equal(guest.ips[0], earlier.ips[0]);
    await lab.ok(`${goBin}/firewall`, { verb: "DEL", config: earlier.config, id: "c1" });
    await lab.ok("firewall", { verb: "DEL", config: earlier.config, id: "c1" });
    await lab.ok("firewall", { verb: "CHECK", config: guest.config, netns: guest.netns, id: "c2" });
    await detach(lab, NET, guest);
    await lab.isClean("brt");
  },
});

/** Which of the others a ping from the first reaches. */
const reached = ({ netns }: Guest, ...to: readonly Guest[]): readonly string[] =>
  netns.sh(`${to.map(({ id, ips }) => `ping -c1 -W0.4 ${ips[0]} >&2 && echo ${id} &`).join("\n")}\nwait`).stdout
    .split("\n").filter((line) => line !== "").sort();

eachSuite({
  ...beside("[FW10, FW11] who reaches whom with same-bridge is the same as with Go's"),
  async fn({ bin: goBin }) {
    const seen: unknown[] = [];
    for (const folder of [bin, goBin]) {
      using lab = new Lab(folder);
      const settings = { ingressPolicy: "same-bridge" };
      const net = { ...NET, settings, subnets: ["10.63.0.0/24"] };
      const next = { name: "next", bridge: "brn", settings, subnets: ["10.64.0.0/24"] };
      const [a1, a2] = [await admit(lab, net, "a1", { bin }), await admit(lab, net, "a2", { bin })];
      const b1 = await admit(lab, next, "b1", { bin });
      seen.push([reached(a1, a2, b1), reached(a2, a1, b1), reached(b1, a1, a2)]);
      for (const [its, guest] of [[net, a1], [net, a2], [next, b1]] as const) await detach(lab, its, guest);
    }
    assert.deepEqual(seen, [[["a2"], ["a1"], []], seen[0]]);
  },
});
