import assert from "node:assert/strict";
import { readFailure } from "../../../src/effects/kernel/linux/netlink/error.ts";
import { Attributes, attributesOf, Writer } from "../../../src/effects/kernel/linux/netlink/message.ts";
import { messagesOf } from "../../../src/effects/kernel/linux/netlink/socket.ts";
import { decodeAddress } from "../../../src/effects/kernel/linux/rtnetlink/address.ts";
import { decodeLink } from "../../../src/effects/kernel/linux/rtnetlink/link_decode.ts";
import { decodeNeighbour } from "../../../src/effects/kernel/linux/rtnetlink/neighbour.ts";
import { decodeRoute } from "../../../src/effects/kernel/linux/rtnetlink/route_decode.ts";
import { decodeVlans } from "../../../src/effects/kernel/linux/rtnetlink/vlan.ts";

const ip4 = (...octets: number[]) => Uint8Array.from(octets);

const portMessage = (): Uint8Array => {
  const writer = new Writer().u8(0).u8(0).u16(1).u32(7).u32(0x1 | 0x100).u32(0);
  writer.attributeString(3, "veth0").attributeBytes(1, ip4(2, 0, 0, 0, 0, 10)).attributeU32(4, 1400)
    .attributeU32(5, 3).attributeU32(10, 2).attributeU32(13, 1000).attributeU8(16, 6).attributeU32(30, 1);
  writer.nested(18, () => {
    writer.attributeString(1, "veth").attributeString(4, "bridge");
    writer.nested(5, () => writer.attributeU8(4, 1).attributeU8(33, 0));
  });
  return writer.finish();
};

const addressMessage = (flags: number): Uint8Array =>
  new Writer().u8(2).u8(32).u8(0x80).u8(253).u32(7).attributeBytes(1, ip4(10, 0, 0, 1))
    .attributeBytes(2, ip4(10, 0, 0, 2)).attributeU32(8, flags).finish();

const routeMessage = (type: number, flags: number): Uint8Array => {
  const writer = new Writer().u8(2).u8(24).u8(0).u8(0).u8(252).u8(3).u8(253).u8(type).u32(flags);
  writer.attributeU32(15, 5000).attributeBytes(1, ip4(10, 7, 0, 0)).attributeU32(6, 5);
  writer.nested(8, () => writer.attributeU32(2, 1300));
  writer.nested(9, () => {
    writer.u16(16).u8(0).u8(0).u32(3).attributeBytes(5, ip4(10, 1, 0, 1));
    writer.u16(32).u8(0).u8(0).u32(4).attribute(18, () => writer.u16(10).bytes(new Uint8Array(15)).u8(1)).align();
  });
  return writer.finish();
};

/** A route to fd07::/64 with these next hops, of these weights, and what else is said of it. */
const hopsMessage = (weights: readonly number[], more: (writer: Writer) => void = () => {}): Uint8Array => {
  const ip6 = (last: number) => new Uint8Array(16).fill(0xfd, 0, 1).fill(last, 15);
  const writer = new Writer().u8(10).u8(64).u8(0).u8(0).u8(254).u8(3).u8(0).u8(1).u32(0);
  writer.attributeBytes(1, ip6(0)).attributeU32(6, 1024);
  more(writer);
  writer.nested(9, () => {
    for (const [at, weight] of weights.entries()) {
      writer.u16(28).u8(0).u8(weight - 1).u32(3 + at).attributeBytes(5, ip6(at + 1));
    }
  });
  return writer.finish();
};

const neighbourMessage = (family: number, state: number): Uint8Array =>
  new Writer().u8(family).u8(0).u16(0).u32(7).u16(state).u8(0).u8(1).attributeBytes(1, ip4(10, 0, 0, 9))
    .attributeBytes(2, ip4(2, 0, 0, 0, 0, 9)).finish();

Deno.test("a bridge port is read whole", () => {
  assert.deepEqual(decodeLink(portMessage()), {
    index: 7,
    name: "veth0",
    kind: "veth",
    mac: "02:00:00:00:00:0a",
    mtu: 1400,
    txQueueLen: 1000,
    up: true,
    operState: "up",
    promisc: true,
    promiscuity: 1,
    allmulti: false,
    master: 2,
    peer: 3,
    vlanFiltering: null,
    port: { hairpin: true, isolated: false },
  });
});

Deno.test("a link's parent is a peer only of a veth", () => {
  const writer = new Writer().u8(0).u8(0).u16(1).u32(7).u32(0).u32(0).attributeString(3, "mac0").attributeU32(5, 3);
  writer.nested(18, () => writer.attributeString(1, "macvlan"));
  assert.equal(decodeLink(writer.finish())?.peer, null);
});

Deno.test("a link without attributes beyond its name has none of the rest", () => {
  const bytes = new Writer().u8(0).u8(0).u16(1).u32(1).u32(0).u32(0).attributeString(3, "lo").finish();
  const link = decodeLink(bytes);
  assert.deepEqual(
    [link?.kind, link?.mac, link?.master, link?.peer, link?.vlanFiltering, link?.port, link?.operState],
    [
      null,
      "",
      null,
      null,
      null,
      null,
      "unknown",
    ],
  );
});

Deno.test("of a point-to-point address the local end counts, and the wide flags", () => {
  const base = { address: "10.0.0.2/32", scope: 253 };
  assert.deepEqual(decodeAddress(addressMessage(0xc8)), { ...base, tentative: true, dadFailed: true });
  assert.deepEqual(decodeAddress(addressMessage(0x40)), { ...base, tentative: true, dadFailed: false });
  assert.deepEqual(decodeAddress(addressMessage(0x80)), { ...base, tentative: false, dadFailed: false });
});

Deno.test("a multipath route has an entry per next hop, gateways of the other family included", () => {
  const common = { dst: "10.7.0.0/24", metric: 5, table: 5000, scope: 253, mtu: 1300, advmss: null, multipath: true };
  assert.deepEqual(decodeRoute(routeMessage(1, 0)), [
    { ...common, gw: "10.1.0.1", oif: 3 },
    { ...common, gw: "::1", oif: 4 },
  ]);
});

Deno.test("IPv6 next hops of one weight are routes of their own; others come and go together", () => {
  const common = { dst: "fd00::/64", metric: 1024, table: 254, scope: 0, mtu: null, advmss: null };
  assert.deepEqual(decodeRoute(hopsMessage([1, 1])), [
    { ...common, gw: "fd00::1", oif: 3 },
    { ...common, gw: "fd00::2", oif: 4 },
  ]);
  const together = [
    hopsMessage([1, 2]),
    hopsMessage([1, 1], (writer) => writer.attributeU32(30, 5)),
    hopsMessage([1, 1], (writer) => writer.nested(8, () => writer.attributeU32(2, 1300))),
    hopsMessage([1, 1], (writer) => writer.attributeBytes(7, new Uint8Array(16).fill(1, 15))),
  ];
  for (const message of together) {
    assert.deepEqual(decodeRoute(message).map(({ multipath }) => multipath), [true, true]);
  }
});

Deno.test("cached routes, and those that are not unicast, are none", () => {
  assert.deepEqual(decodeRoute(routeMessage(1, 0x200)), []);
  for (const type of [0, 2, 3, 5, 6, 7]) assert.deepEqual(decodeRoute(routeMessage(type, 0)), []);
});

Deno.test("neighbours are of IP, not of a bridge's forwarding table, and not NOARP", () => {
  const entry = { ip: "10.0.0.9", mac: "02:00:00:00:00:09" };
  assert.deepEqual(decodeNeighbour(neighbourMessage(2, 0x80)), { ...entry, permanent: true });
  assert.deepEqual(decodeNeighbour(neighbourMessage(2, 0x02)), { ...entry, permanent: false });
  assert.equal(decodeNeighbour(neighbourMessage(7, 0x80)), null);
  assert.equal(decodeNeighbour(neighbourMessage(2, 0x40)), null);
});

const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  messagesOf: (bytes) => [...messagesOf(bytes)],
  attributesOf: (bytes) => [...attributesOf(bytes)],
  Attributes: (bytes) => new Attributes(bytes).nested(1).string(2),
  readFailure: (bytes) => [0, 0x100, 0x200, 0x300].map((flags) => readFailure(flags, bytes)),
  decodeLink,
  decodeAddress,
  decodeRoute,
  decodeNeighbour,
  decodeVlans,
};

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function randomBytes(seed: number): (length: number) => Uint8Array {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 24;
  };
  return (length) => Uint8Array.from({ length }, next);
}

for (const [name, decode] of Object.entries(DECODERS)) {
  Deno.test(`${name} never throws: noise`, () => {
    const random = randomBytes(1);
    for (let i = 0; i < 1500; i++) decode(random(i % 97));
  });

  Deno.test(`${name} never throws: real messages cut short and with changed bytes`, () => {
    const random = randomBytes(2);
    for (
      const message of [portMessage(), addressMessage(0), routeMessage(1, 0), neighbourMessage(2, 0x80)]
    ) {
      for (let length = 0; length <= message.length; length++) decode(message.slice(0, length));
      for (let at = 0; at < message.length; at++) {
        for (const byte of random(4)) decode(message.with(at, byte));
      }
    }
  });
}

/** A link of this kind on link 7, with the kind's data, as the kernel describes it; words are little endian. */
const linkOver = (info: string, more = ""): Uint8Array =>
  Uint8Array.fromHex(
    "00000100 02000000 02100000 00000000 09000300 65746830 00000000 08000500 07000000".replaceAll(" ", "") +
      more.replaceAll(" ", "") + info.replaceAll(" ", ""),
  );

const NETNSID = "08002500 00000000";

for (
  const [name, info, more, kind, over] of [
    [
      "a vlan",
      "30001200 09000100 766c616e 00000000 20000200 06000500 81000000 06000100 d2040000 0c000200 01000000 ffffffff",
      NETNSID,
      "vlan",
      { parent: 7, elsewhere: true, id: 1234 },
    ],
    [
      "an ipvlan in mode l3s",
      "24001200 0b000100 6970766c 616e0000 14000200 06000100 02000000 06000200 00000000",
      "",
      "ipvlan",
      { parent: 7, elsewhere: false, mode: "l3s" },
    ],
    [
      "a macvlan in mode vepa",
      "1c001200 0c000100 6d616376 6c616e00 0c000200 08000100 02000000",
      NETNSID,
      "macvlan",
      { parent: 7, elsewhere: true, mode: "vepa" },
    ],
    [
      "a macvlan in a mode without a name",
      "1c001200 0c000100 6d616376 6c616e00 0c000200 08000100 10000000",
      "",
      "macvlan",
      { parent: 7, elsewhere: false, mode: "16" },
    ],
    ["a vlan that says nothing of itself", "0c001200 08000100 766c616e", "", "vlan", { parent: 7, elsewhere: false }],
    ["a dummy", "10001200 0a000100 64756d6d 79000000", "", "dummy", undefined],
  ] as const
) {
  Deno.test(`${name} is read with what it stands on and the data of its kind`, () => {
    const link = decodeLink(linkOver(info, more));
    assert.deepEqual([link?.kind, link?.over], [kind, over]);
  });
}

Deno.test("a tun of Ethernet frames is read as a tap, with who may open it, and any other as a tun", () => {
  for (
    const [type, more, kind, tap] of [
      [2, [7, 8, 1], "tap", { owner: 7, group: 8, multiQueue: true }],
      [2, [], "tap", { owner: null, group: null, multiQueue: false }],
      [1, [7, 8, 1], "tun", undefined],
    ] as const
  ) {
    const [owner, group, queues = 0] = more;
    const writer = new Writer().u8(0).u8(0).u16(1).u32(7).u32(1).u32(0).attributeString(3, "tap0");
    writer.nested(18, () => {
      writer.attributeString(1, "tun").nested(2, () => {
        if (owner !== undefined) writer.attributeU32(1, owner);
        if (group !== undefined) writer.attributeU32(2, group);
        writer.attributeU8(3, type).attributeU8(7, queues);
      });
    });
    const link = decodeLink(writer.finish());
    assert.deepEqual([link?.kind, link?.tap], [kind, tap]);
  }
});

for (
  const [name, info, expected] of [
    ["a VRF", "18001200 08000100 76726600 0c000200 08000100 4d000000", { kind: "vrf", vrfTable: 77, master: null }],
    ["a VRF that says nothing of itself", "0c001200 08000100 76726600", {
      kind: "vrf",
      vrfTable: undefined,
      master: null,
    }],
    [
      "a member of a VRF",
      "24001200 0a000100 64756d6d 79000000 08000400 76726600 0c000500 08000100 01000000 08000a00 05000000",
      { kind: "dummy", vrfTable: undefined, master: 5 },
    ],
  ] as const
) {
  Deno.test(`${name} is read with its table, and a port of a bridge is none of it`, () => {
    const link = decodeLink(linkOver(info));
    assert.deepEqual({ kind: link?.kind, vrfTable: link?.vrfTable, master: link?.master }, expected);
    assert.equal(link?.port, null);
  });
}
