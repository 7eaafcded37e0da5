/** A kernel that lacks a kind of links: what it refuses before it looks for the kind, and what the plugins make of it. */
import assert from "node:assert/strict";
import { NetlinkFailure } from "../../src/effects/kernel/linux/netlink/error.ts";
import { Writer } from "../../src/effects/kernel/linux/netlink/message.ts";
import {
  NETLINK_ROUTE,
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from "../../src/effects/kernel/linux/netlink/socket.ts";
import { IFLA, IFLA_INFO, RTM } from "../../src/effects/kernel/linux/rtnetlink/constants.ts";
import { encodeCreate } from "../../src/effects/kernel/linux/rtnetlink/link.ts";
import { ifinfomsg } from "../../src/effects/kernel/linux/rtnetlink/link_look.ts";
import type { NetlinkKind } from "../../src/effects/kernel/linux/rtnetlink/link_kind.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { executables, inProcess } from "../support/door.ts";
import { hasKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { newNetns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.veth && can.bridge && can.ip;
const live = (name: string) => unless(works, name, "no namespaces, veth, bridge or ip");

const lacking = (kind: string, name: string) =>
  unless(works && !hasKind(kind), name, `the kernel has links of kind ${kind}`);

const parent = { on: "host", name: "out0" } as const;
const LINKS: readonly NetlinkKind[] = [
  { kind: "dummy" },
  { kind: "vlan", parent, id: 33 },
  { kind: "ipvlan", parent, mode: "l2" },
];

/** What the kernel says to the body of a creating RTM_NEWLINK. */
const answered = (socket: NetlinkSocket, body: Uint8Array): string => {
  try {
    socket.request({ type: RTM.NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body });
    return "ok";
  } catch (error) {
    if (error instanceof NetlinkFailure) return error.errno;
    throw error;
  }
};

for (const link of LINKS) {
  Deno.test({
    ...lacking(link.kind, `a request for a ${link.kind} is sound: the kernel refuses it for nothing but its kind`),
    fn() {
      using host = newNetns();
      using container = newNetns();
      host.must("ip link add out0 type veth peer name out1; ip link add taken type bridge");
      const socket = host.run(() => NetlinkSocket.open(NETLINK_ROUTE));
      const ask = (name: string, netns: number) =>
        answered(
          socket,
          encodeCreate({ op: "link.create", on: "container", name, link, mtu: 1400 }, { parent: 2, netns }),
        );
      try {
        assert.equal(ask("eth0", container.fd), "EOPNOTSUPP");
        assert.equal(ask("a-name-of-15-by", container.fd), "EOPNOTSUPP");
        assert.equal(ask("a-name-of-16-byt", container.fd), "ERANGE");
        assert.equal(ask("eth0", 9_999), "EBADF");
        assert.equal(ask("taken", host.fd), "EEXIST");
        const short = ifinfomsg(new Writer(), 0).attributeU16(IFLA.MTU, 1400);
        short.nested(IFLA.LINKINFO, () => short.attributeString(IFLA_INFO.KIND, link.kind));
        assert.equal(answered(socket, short.finish()), "ERANGE");
      } finally {
        socket.close();
      }
    },
  });
}

const config = (lab: Lab, type: string, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "missing",
  type,
  ...(type === "dummy" ? {} : { master: "out0" }),
  ...(type === "vlan" ? { vlanId: 33 } : {}),
  ipam: ipamIn(lab, "10.7.0.0/24"),
  ...settings,
});

for (const { kind } of LINKS) {
  Deno.test({
    ...lacking(
      kind,
      `${kind} as an executable: the refusal names the kind and its module; neither link nor lease is left`,
    ),
    async fn() {
      using lab = new Lab(bin);
      lab.outside();
      const netns = lab.container();
      const before = netns.must("ip -o link");
      const { refused, ok } = executables(lab);
      const { code, msg, details } = await refused(kind, { verb: "ADD", config: config(lab, kind), netns });
      assert.equal(code, 50);
      assert.match(msg, new RegExp(`"eth0" in the container: the kernel has no links of kind "${kind}" .EOPNOTSUPP`));
      assert.match(details ?? "", kind === "vlan" ? /modprobe 8021q/ : new RegExp(`modprobe ${kind}`));
      await ok(kind, { verb: "DEL", config: config(lab, kind), netns });
      assert.equal(netns.must("ip -o link"), before);
      await lab.isClean("out0");
    },
  });

  Deno.test({
    ...live(`${kind}: a name that is taken is refused, and its owner stays, also after DEL`),
    async fn() {
      using lab = new Lab(bin);
      lab.outside();
      const netns = lab.container();
      netns.must("ip link add eth0 type bridge");
      const { refused, ok } = inProcess(lab);
      const { code, msg } = await refused(kind, { verb: "ADD", config: config(lab, kind), netns });
      assert.deepEqual([code, /"eth0" in the container.*kind "bridge"/.test(msg)], [102, true], msg);
      await ok(kind, { verb: "DEL", config: config(lab, kind), netns });
      netns.must("ip link show type bridge eth0");
      await lab.isClean("out0");
    },
  });
}

Deno.test({
  ...live("[DU4] dummy without ipam is refused, also where the namespace does not exist"),
  async fn() {
    using lab = new Lab(bin);
    const { ipam: _, ...none } = config(lab, "dummy");
    const refused = await executables(lab).refused("dummy", { verb: "ADD", config: none, netns: "/run/netns/none" });
    assert.deepEqual([refused.code, /"ipam"/.test(refused.msg)], [7, true], refused.msg);
    await lab.isClean();
  },
});

for (
  const [where, place] of [["on the host", {}], ["in the container", {
    master: "eth0",
    linkInContainer: true,
  }]] as const
) {
  Deno.test({
    ...live(`[VL4, VL5] vlan, master ${where}: what its master cannot carry is refused before anything is made`),
    async fn() {
      using lab = new Lab(bin);
      const outside = lab.outside();
      const netns = "linkInContainer" in place ? outside : lab.container();
      const { refused } = inProcess(lab);
      const before = netns.must("ip -o link");
      const missing = "linkInContainer" in place ? /"out9": there is no such link in the container/ : /on the host/;
      for (
        const [settings, says] of [
          [{ mtu: 1600 }, /"mtu": 1600 is more than the 1500 of its master/],
          [{ mtu: -100 }, /"mtu": -100 is not 68 or more/],
          [{ vlanId: 4095 }, /vlanId/],
          [{ vlanId: null }, /"vlanId" is missing/],
          [{ master: "out9" }, missing],
        ] as const
      ) {
        const wrong = config(lab, "vlan", { ...place, ...settings });
        const { msg } = await refused("vlan", { verb: "ADD", config: wrong, netns, ifName: "net1" });
        assert.match(msg, says);
      }
      assert.equal(netns.must("ip -o link"), before);
      await lab.isClean("out0");
    },
  });

  Deno.test({
    ...lacking("ipvlan", `[IV3, IV5] ipvlan chooses its master ${where}, as far as a kernel without ipvlans lets it`),
    async fn() {
      using lab = new Lab(bin);
      const outside = lab.outside();
      const inside = "linkInContainer" in place;
      const netns = inside ? outside : lab.container();
      const { refused } = inProcess(lab);
      const why = async (settings: JsonObject) =>
        (await refused("ipvlan", {
          verb: "ADD",
          config: config(lab, "ipvlan", { ...place, master: "", ...settings }),
          netns,
          ifName: "net1",
        })).msg;
      const chain = (...names: readonly string[]) => ({
        ipam: null,
        prevResult: {
          cniVersion: "1.1.0",
          interfaces: names.map((name) => ({ name })),
          ips: [{ address: "192.0.2.60/24" }],
        },
      });
      const found = /no links of kind "ipvlan"/;
      const master = inside ? "eth0" : "out0";
      assert.match(await why({}), /there is no default route/);
      assert.match(await why(chain(master)), found);
      assert.match(await why(chain("out9")), /"out9": there is no such link/);
      assert.match(await why(chain(master, "other")), /"prevResult" has 2 interfaces/);
      (inside ? outside : lab.host).must(`ip route add default dev ${master}`);
      assert.match(await why({}), found);
      await lab.isClean("out0");
    },
  });
}
