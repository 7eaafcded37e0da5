/** The firewall executable with firewalld, behind ptp, and in a chain. Numbers are those of scenarios/firewall.txt. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { fakeFirewalld } from "../support/fake_firewalld.ts";
import { admit, dismiss, filterOf, type FirewallNet } from "../support/firewall.ts";
import { ipamIn, Lab } from "../support/lab.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip && can.iptables;
const live = (name: string) => unless(works, name, "no bridge, veth, nft, ip or iptables");

const NET: FirewallNet = { name: "fw1", bridge: "br1", subnets: ["10.61.0.0/24"] };
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

Deno.test({
  ...live("[FW6, FW7, FW9] firewalld is found where it runs, and gets and loses the address of a container"),
  async fn() {
    using lab = new Lab(bin);
    const firewalld = fakeFirewalld(`${lab.folder}/firewalld`);
    const env = { PATH: `${firewalld.folder}:${PATH}` };
    for (const settings of [{ backend: "firewalld" }, {}]) {
      const guest = await admit(lab, { ...NET, settings }, "c1", { bin, env });
      assert.deepEqual(Object.values(firewalld.zones()), ["trusted"]);
      const call = { config: guest.config, netns: guest.netns, id: "c1", env };
      await lab.ok("firewall", { verb: "CHECK", ...call });
      await lab.ok("firewall", { verb: "DEL", ...call });
      assert.deepEqual(firewalld.zones(), {});
      await dismiss(lab, NET, guest, bin);
    }
    assert.deepEqual(filterOf(lab.host), { v4: [], v6: [] });
    firewalld.stop();
    const status = { verb: "STATUS", env } as const;
    const config = { cniVersion: "1.1.0", name: "fw1", type: "firewall", backend: "firewalld" };
    assert.equal((await lab.refused("firewall", { ...status, config })).code, 50);
    await lab.isClean("br1");
  },
});

Deno.test({
  ...live("an iptables that does not work is named with what it said, and nothing is left"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.61.0.7/24" }] };
    const config = { cniVersion: "1.0.0", name: "fw1", type: "firewall", backend: "iptables", prevResult };
    // Programs are searched in the usual folders, too: what stands first is one that cannot work.
    Deno.writeTextFileSync(`${lab.folder}/iptables`, "#!/bin/sh\necho 'no such table' >&2\nexit 3\n", { mode: 0o755 });
    const env = { PATH: `${lab.folder}:${PATH}` };
    const { msg } = await lab.refused("firewall", { verb: "ADD", config, netns, env });
    assert.match(msg, /Cannot run iptables -t filter "-S": it ended with 3: no such table/);
    await lab.isClean();
  },
});

Deno.test({
  ...live("with nftables a FORWARD that drops is opened and closed without any program"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    outside.must("ip route add 10.61.0.0/24 via 192.0.2.1");
    lab.host.must("iptables -P FORWARD DROP");
    const started = `${lab.folder}/started`;
    for (const name of ["iptables", "iptables-nft", "iptables-restore", "iptables-nft-restore", "firewall-cmd"]) {
      Deno.writeTextFileSync(`${lab.folder}/${name}`, `#!/bin/sh\n: > ${started}\nexit 1\n`, { mode: 0o755 });
    }
    const env = { PATH: `${lab.folder}:${PATH}` };
    const guest = await admit(lab, { ...NET, settings: { backend: "nftables" } }, "c1", { bin, env });
    const away = "ping -c1 -W1 192.0.2.2";
    assert.equal(guest.netns.sh(away).code, 0);
    assert.match(lab.host.must("iptables -S"), /-P FORWARD DROP/);
    await lab.ok("firewall", { verb: "CHECK", config: guest.config, netns: guest.netns, id: "c1" });
    await lab.ok("firewall", { verb: "DEL", config: guest.config, id: "c1", env });
    assert.notEqual(guest.netns.sh(away).code, 0);
    assert.throws(() => Deno.statSync(started), Deno.errors.NotFound);
    await dismiss(lab, NET, guest, bin);
    await lab.isClean("br1", "out0");
  },
});

Deno.test({
  ...live(
    "behind ptp in one chain, containers with a policy do not reach each other; nothing is left of links and log",
  ),
  async fn() {
    using lab = new Lab(bin);
    const list = {
      cniVersion: "1.1.0",
      name: "fw9",
      plugins: [
        { type: "ptp", ipam: { ...ipamIn(lab, "10.69.0.0/24"), routes: [{ dst: "0.0.0.0/0" }] } },
        { type: "firewall", ingressPolicy: "same-bridge" },
      ],
    };
    Deno.writeTextFileSync(`${lab.folder}/fw9.conflist`, JSON.stringify(list));
    const [one, two] = [lab.container(), lab.container()];
    const [first, second] = [["fw9", one.path, "--container-id", "p1"], ["fw9", two.path, "--container-id", "p2"]];
    for (const args of [first, second]) {
      const { code, stderr } = await lab.cleat(["add", ...args]);
      assert.equal(code, 0, stderr);
    }
    assert.notEqual(one.sh("ping -c1 -W0.4 10.69.0.3").code, 0);
    assert.match(lab.host.must("nft list set inet cleat-firewall links"), /fw9\/p1\/eth0/);
    for (const args of [first, second]) {
      for (const verb of ["check", "del"]) {
        const { code, stderr } = await lab.cleat([verb, ...args]);
        assert.equal(code, 0, stderr);
      }
    }
    assert.doesNotMatch(JSON.stringify(filterOf(lab.host)), /10\.69/);
    await lab.isClean();
  },
});
