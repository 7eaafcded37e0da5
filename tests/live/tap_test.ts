/** The tap executable on a real kernel. */
import assert from "node:assert/strict";
import { files, O_RDWR } from "../../src/effects/libc/files.ts";
import { ioctlMemory } from "../../src/effects/libc/ioctl.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { type Netns, newNetns } from "../support/netns.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.bridge && can.tap && can.ip, name, "no /dev/net/tun, or no ip");

const config = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net10",
  type: "tap",
  ipam: ipamIn(lab, "192.0.2.0/24"),
  ...settings,
});

const linkOf = (ns: Netns, name = "eth0") => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** Opens a tap as a virtual machine does (TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR: linux/if_tun.h). */
function openTap(ns: Netns, name: string): number {
  return ns.run(() => {
    const fd = files.open("/dev/net/tun", O_RDWR);
    if (fd === null) throw new Error("there is no /dev/net/tun");
    const request = new Uint8Array(40);
    request.set(new TextEncoder().encode(name));
    new DataView(request.buffer).setUint16(16, 0x5002, true);
    ioctlMemory(fd, "TUNSETIFF", 0x400454ca, request);
    return fd;
  });
}

Deno.test({
  ...live("[TA1, TA2] a tap of root's, alone and in a bridge: ADD and CHECK, a program opens it, DEL leaves nothing"),
  async fn() {
    for (const bridge of ["", "br5"]) {
      using lab = new Lab(bin);
      lab.host.must("ip link add eth0 type bridge");
      const netns = lab.container();
      netns.must("ip link add br5 type bridge");
      const call = { config: config(lab, { owner: 0, group: 0, bridge }), netns };
      const prevResult = await lab.ok("tap", { verb: "ADD", ...call });
      const { linkinfo, address, flags, master } = linkOf(netns);
      assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.type], ["tun", "tap"]);
      const { pi, vnet_hdr, multi_queue, persist, user, group } = linkinfo.info_data;
      assert.deepEqual([pi, vnet_hdr, multi_queue, persist], [false, true, false, true]);
      assert.deepEqual([user, group].map(String), ["root", "root"]);
      assert.deepEqual([flags.includes("UP"), master], [true, bridge || undefined]);
      assert.deepEqual(prevResult.interfaces, [{ name: "eth0", mac: address, sandbox: netns.path }]);
      assert.match(netns.must("ip -4 -o address show eth0"), / 192\.0\.2\.2\/24 /);
      const checked = { config: { ...call.config, prevResult }, netns };
      await lab.ok("tap", { verb: "CHECK", ...checked });
      const fd = openTap(netns, "eth0");
      assert.ok(linkOf(netns).flags.includes("LOWER_UP"), "a program that opens it gives it carrier");
      await lab.ok("tap", { verb: "CHECK", ...checked });
      files.close(fd);
      netns.must("ip link set eth0 down");
      assert.match((await lab.refused("tap", { verb: "CHECK", ...checked })).msg, /state up, found down/);
      for (const _ of [1, 2]) await lab.ok("tap", { verb: "DEL", ...call });
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.isClean("eth0");
    }
  },
});

Deno.test({
  ...live("MTU, MAC, queues, user and group are those of the configuration, with every combination of the last two"),
  async fn() {
    using lab = new Lab(bin);
    const mac = "c2:11:22:33:44:55";
    for (const ids of [{}, { owner: 1234 }, { group: 4321 }, { owner: 1234, group: 4321 }]) {
      const netns = lab.container();
      const settings = { ...ids, mtu: 9000, mac, multiQueue: true };
      await lab.ok("tap", { verb: "ADD", config: config(lab, settings), netns });
      const { mtu, address, linkinfo: { info_data: { user, group, multi_queue } } } = linkOf(netns);
      assert.deepEqual([mtu, address, multi_queue], [9000, mac, true]);
      assert.deepEqual([user, group].map((id) => id === undefined ? id : Number(id)), [
        "owner" in ids ? 1234 : undefined,
        "group" in ids ? 4321 : undefined,
      ]);
      await lab.ok("tap", { verb: "DEL", config: config(lab, settings), netns });
    }
    await lab.isClean();
  },
});

Deno.test({
  ...live("an IPv6 gateway behind a tap that nobody has opened is not waited for"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ipam = { ...ipamIn(lab, "2001:db8:7::/64"), routes: [{ dst: "::/0" }] };
    const call = { config: config(lab, { ipam }), netns };
    const start = performance.now();
    const prevResult = await lab.ok("tap", { verb: "ADD", ...call });
    assert.ok(performance.now() - start < 4_000, "duplicate address detection takes 5 seconds to give up");
    assert.match(netns.must("ip -6 route show default"), /via 2001:db8:7::1 dev eth0/);
    await lab.ok("tap", { verb: "CHECK", config: { ...call.config, prevResult }, netns });
    await lab.ok("tap", { verb: "DEL", ...call });
    await lab.isClean();
  },
});

Deno.test({
  ...live("a name that is taken, even by a tap, is not taken over; a failing IPAM and a missing bridge leave nothing"),
  async fn() {
    using lab = new Lab(bin);
    for (const command of ["ip link add eth0 type bridge", "ip tuntap add dev eth0 mode tap"]) {
      const netns = lab.container();
      netns.must(command);
      const before = netns.must("ip -d link show eth0");
      const { code, msg } = await lab.refused("tap", { verb: "ADD", config: config(lab), netns });
      assert.deepEqual([code, /"eth0" in the container: there is a link of that name/.test(msg)], [102, true], msg);
      assert.equal(netns.must("ip -d link show eth0"), before);
      assert.equal(netns.must("ip -o link").trim().split("\n").length, 2, "nothing but lo and eth0");
    }
    const netns = lab.container();
    for (
      const [wrong, says] of [
        [{ ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
        [{ bridge: "br9" }, /"bridge" "br9"/],
        [{ bridge: "lo" }, /"bridge" "lo"/],
      ] as const
    ) {
      assert.match((await lab.refused("tap", { verb: "ADD", config: config(lab, wrong), netns })).msg, says);
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
    }
    await lab.isClean();
  },
});

const labels = (() => {
  try {
    return Deno.statSync("/sys/fs/selinux/enforce").isFile;
  } catch {
    return false;
  }
})();

Deno.test({
  ...unless(can.netns && can.tap && !labels, "a context without SELinux is refused by name", "no tap, or SELinux"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const settings = { selinuxcontext: "system_u:system_r:container_t:s0" };
    const { msg } = await lab.refused("tap", { verb: "ADD", config: config(lab, settings), netns });
    assert.match(msg, /SELinux does not take the context "system_u:system_r:container_t:s0"/);
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
    await lab.isClean();
  },
});

Deno.test({
  ...live("DEL after the namespace gives the address back"),
  async fn() {
    using lab = new Lab(bin);
    const gone = newNetns();
    await lab.ok("tap", { verb: "ADD", config: config(lab), netns: gone });
    gone[Symbol.dispose]();
    await lab.ok("tap", { verb: "DEL", config: config(lab), netns: gone });
    await lab.isClean();
  },
});
