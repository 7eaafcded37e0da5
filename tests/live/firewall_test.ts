/** The firewall executable on hosts whose FORWARD drops. Numbers are those of scenarios/firewall.txt. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { admit, dismiss, filterOf, type FirewallNet, type Guest } from "../support/firewall.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip && can.iptables && can.ping;
const live = (name: string) => unless(works, name, "no bridge, veth, nft, ip, ping or iptables");

const NET: FirewallNet = { name: "fw1", bridge: "br1", subnets: ["10.61.0.0/24", "fd61::/64"] };
const OTHER: FirewallNet = { name: "fw2", bridge: "br2", subnets: ["10.62.0.0/24", "fd62::/64"] };

const withPolicy = (net: FirewallNet, ingressPolicy: string): FirewallNet => ({ ...net, settings: { ingressPolicy } });

/** As Docker leaves it. */
const dropForward = (host: Netns) => void host.must("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP");

/** Which of the guests a ping reaches, in both families; all are asked at once. */
const reached = (from: Guest, ...to: readonly Guest[]): readonly string[] => {
  const asked = to.map(({ id, ips }) =>
    `(${ips.map((ip) => `ping -c1 -W0.4 ${ip} >&2`).join(" || ")}) && echo ${id} &`
  );
  return from.netns.sh(`${asked.join("\n")}\nwait`).stdout.split("\n").filter((line) => line !== "").sort();
};

Deno.test({
  ...live(
    "[FW2, FW5] behind a FORWARD that drops, a container reaches the outside from ADD to DEL, and is not reached",
  ),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    outside.must("ip route add 10.61.0.0/24 via 192.0.2.1; ip -6 route add fd61::/64 via 2001:db8::1");
    dropForward(lab.host);
    const guest = await admit(lab, NET, "c1", { bin });
    await using _served = serve(outside, 80);
    assert.deepEqual(
      [await dial(guest.netns, "192.0.2.2", 80), await dial(guest.netns, "2001:db8::2", 80)],
      guest.ips,
    );
    assert.notEqual(outside.sh(`ping -c1 -W0.4 ${guest.ips[0]}`).code, 0, "a new flow came in");
    const call = { config: guest.config, netns: guest.netns };
    await lab.ok("firewall", { verb: "CHECK", ...call });
    lab.host.must("iptables -D CNI-FORWARD -s 10.61.0.2/32 -j ACCEPT");
    const { msg } = await lab.refused("firewall", { verb: "CHECK", ...call });
    assert.match(msg, /table filter of iptables: expected the rule "-A CNI-FORWARD -s 10\.61\.0\.2\/32 -j ACCEPT"/);
    for (const _ of [1, 2]) await lab.ok("firewall", { verb: "DEL", ...call });
    const away = "ping -c1 -W0.4 192.0.2.2 || ping -c1 -W0.4 2001:db8::2";
    assert.notEqual(guest.netns.sh(away).code, 0, "still let through");
    assert.doesNotMatch(JSON.stringify(filterOf(lab.host)), /61/);
    await dismiss(lab, NET, guest, bin);
    await lab.isClean("br1", "out0");
  },
});

Deno.test({
  ...live("[FW10, FW11] same-bridge: neighbours reach each other, networks do not, whatever iptables lets through"),
  async fn() {
    using lab = new Lab(bin);
    dropForward(lab.host);
    lab.host.must("iptables -A FORWARD -j ACCEPT; ip6tables -A FORWARD -j ACCEPT");
    const [net, other] = [withPolicy(NET, "same-bridge"), withPolicy(OTHER, "same-bridge")];
    const guests = [await admit(lab, net, "a1", { bin }), await admit(lab, net, "a2", { bin })] as const;
    const stranger = await admit(lab, other, "b1", { bin });
    const [a1, a2] = guests;
    assert.deepEqual([reached(a1, a2, stranger), reached(a2, a1, stranger)], [["a2"], ["a1"]]);
    assert.deepEqual(reached(stranger, a1, a2), []);
    for (const guest of guests) await lab.ok("firewall", { verb: "DEL", config: guest.config, id: guest.id });
    await lab.ok("firewall", { verb: "DEL", config: stranger.config, id: "b1" });
    assert.deepEqual([reached(a1, stranger), reached(stranger, a1)], [["b1"], ["a1"]], "policies go with containers");
    for (const guest of guests) await dismiss(lab, net, guest, bin);
    await dismiss(lab, other, stranger, bin);
    await lab.isClean("br1", "br2");
  },
});

Deno.test({
  ...live("[FW12, FW13] isolated: neighbours do not reach each other either, with and without bridge netfilter"),
  async fn() {
    using lab = new Lab(bin);
    const net = { ...withPolicy(NET, "isolated"), subnets: ["10.61.0.0/24"] };
    const other = { ...withPolicy(OTHER, "isolated"), subnets: ["10.62.0.0/24"] };
    const [a1, a2] = [await admit(lab, net, "a1", { bin }), await admit(lab, net, "a2", { bin })];
    const b1 = await admit(lab, other, "b1", { bin });
    for (const call of ["0", "1"]) {
      lab.host.sh(`echo ${call} > /proc/sys/net/bridge/bridge-nf-call-iptables`);
      assert.deepEqual([reached(a1, a2, b1), reached(a2, a1, b1), reached(b1, a1, a2)], [[], [], []], call);
    }
    a1.netns.must("ping -c1 -W2 10.61.0.1");
    await lab.ok("firewall", { verb: "CHECK", config: a1.config, id: "a1", netns: a1.netns });
    for (const { id, config } of [a1, a2, b1]) await lab.ok("firewall", { verb: "DEL", config, id });
    for (const guest of [a1, a2]) await dismiss(lab, net, guest, bin);
    await dismiss(lab, other, b1, bin);
    await lab.isClean("br1", "br2");
  },
});
