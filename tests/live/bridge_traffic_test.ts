/** What containers on a bridge can reach, and what reaches them. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip && can.ping;
const live = (name: string) => unless(works, name, "no bridge, veth, nft, ip or ping");

const GATEWAY = { cniVersion: "1.1.0", name: "net4", type: "bridge", bridge: "br4", isGateway: true };

Deno.test({
  ...live("[BR14] bridge: with ipMasq the outside sees the host, the sibling sees the container, in both families"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const [one, two] = [lab.container(), lab.container()];
    for (const ipMasqBackend of [undefined, "iptables", "nftables"]) {
      const config = {
        cniVersion: "1.0.0",
        name: "net4",
        type: "bridge",
        bridge: "br4",
        isDefaultGateway: true,
        ipMasq: true,
        ...(ipMasqBackend === undefined ? {} : { ipMasqBackend }),
        ipam: ipamIn(lab, "10.4.0.0/24", "fd04::/64"),
      };
      const added = await lab.ok("bridge", { verb: "ADD", config, netns: one, id: "c1" });
      await lab.ok("bridge", { verb: "ADD", config, netns: two, id: "c2" });
      const own = (Array.isArray(added.ips) ? added.ips : [])
        .map((ip) => String(ip instanceof Object && "address" in ip ? ip.address : "").split("/")[0]);
      {
        await using _away = serve(outside, 80);
        await using _sibling = serve(two, 80);
        assert.equal(await dial(one, "192.0.2.2", 80), "192.0.2.1");
        assert.equal(await dial(one, "2001:db8::2", 80), "2001:db8::1");
        const there = two.must("ip -o address show dev eth0 scope global").matchAll(/inet6? ([^/]+)/g);
        const seen = [];
        for (const [, ip = ""] of there) seen.push(await dial(one, ip, 80));
        assert.deepEqual(seen, own);
      }
      assert.match(lab.host.must("nft list map inet cleat masq4"), new RegExp(String(own[0])));
      for (const id of ["c1", "c2"]) await lab.ok("bridge", { verb: "DEL", config, id });
      await lab.isClean("br4", "out0");
    }
  },
});

Deno.test({
  ...live("[BR16] bridge: macspoofchk drops what a container sends from another MAC address, until it takes it back"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = {
      ...GATEWAY,
      macspoofchk: true,
      ipam: ipamIn(lab, "10.4.0.0/24"),
    };
    await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.match(lab.host.must("nft list set bridge cleat spoof_checked"), /elements = /);
    netns.must("ping -c1 -W2 10.4.0.1");
    const mac = JSON.parse(netns.must("ip -j link show eth0"))[0].address;
    netns.must("ip link set eth0 address 02:00:00:00:00:66");
    assert.notEqual(netns.sh("ping -c1 -W1 10.4.0.1").code, 0, "a spoofed frame came through");
    netns.must(`ip link set eth0 address ${mac}; ip neigh flush all; ping -c1 -W2 10.4.0.1`);
    await lab.ok("bridge", { verb: "DEL", config, netns });
    await lab.isClean("br4");
  },
});

Deno.test({
  ...live("bridge: isolated ports reach their gateway and not each other"),
  async fn() {
    using lab = new Lab(bin);
    const [one, two] = [lab.container(), lab.container()];
    const config = {
      ...GATEWAY,
      portIsolation: true,
      ipam: ipamIn(lab, "10.4.0.0/24"),
    };
    await lab.ok("bridge", { verb: "ADD", config, netns: one, id: "c1" });
    await lab.ok("bridge", { verb: "ADD", config, netns: two, id: "c2" });
    one.must("ping -c1 -W2 10.4.0.1");
    assert.notEqual(one.sh("ping -c1 -W1 10.4.0.3").code, 0, "an isolated port reached another");
    for (const id of ["c1", "c2"]) await lab.ok("bridge", { verb: "DEL", config, id });
    await lab.isClean("br4");
  },
});
