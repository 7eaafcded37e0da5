/**
 * Requests for links beside those that Go's plugins send, which were captured: the same message once it is taken apart. The
 * order of attributes, zeros at the end of names, and flags that change nothing mean nothing to the kernel.
 */
import assert from "node:assert/strict";
import { attributesOf, readUint } from "../../../src/effects/kernel/linux/netlink/message.ts";
import { encodeCreate, type Numbers } from "../../../src/effects/kernel/linux/rtnetlink/link.ts";
import { decodeLink } from "../../../src/effects/kernel/linux/rtnetlink/link_decode.ts";
import type { NetlinkKind } from "../../../src/effects/kernel/linux/rtnetlink/link_kind.ts";

const bytesOf = (hex: string): Uint8Array => Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));

/** IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_IFNAME (linux/if_link.h). */
const [LINKINFO, KIND, DATA, IFNAME] = [18, 1, 2, 3];

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).replace(/\0$/, "");

/** Reads the value of an attribute of this type. */
type Reader = (type: number, payload: Uint8Array) => unknown;

const tree = (bytes: Uint8Array, read: Reader): unknown =>
  Object.fromEntries([...attributesOf(bytes)].map(([type, payload]) => [type, read(type, payload)]));

const inHex: Reader = (_, payload) => payload.toHex();

const infoReader: Reader = (type, payload) =>
  type === DATA ? tree(payload, inHex) : type === KIND ? textOf(payload) : payload.toHex();

const linkReader: Reader = (type, payload) =>
  type === LINKINFO ? tree(payload, infoReader) : type === IFNAME ? textOf(payload) : payload.toHex();

/** struct ifinfomsg and the attributes behind it; texts without the zero at their end, numbers in hex. */
const taken = (body: Uint8Array) => ({
  header: body.slice(0, 16).toHex(),
  attributes: tree(body.subarray(16), linkReader),
});

interface Captured {
  readonly name: string;
  readonly link: NetlinkKind;
  readonly mtu?: number;
  readonly mac?: string;
  readonly numbers: Numbers;
  readonly hex: string;
}

const over = { on: "host", name: "ens5" } as const;
const HEADER = "00000000 00000000 00000000 00000000";

const CAPTURED: readonly Captured[] = [
  {
    name: "net0",
    link: { kind: "dummy" },
    numbers: {},
    hex: `${HEADER} 09000300 6e657430 00000000 10001200 09000100 64756d6d 79000000`,
  },
  {
    name: "veth2d2f0640",
    link: { kind: "vlan", parent: over, id: 1234 },
    mtu: 1400,
    numbers: { parent: 3, netns: 3 },
    // Less flags 0 of mask 0 (0c000200 00000000 00000000), by which nothing is set.
    hex: `${HEADER} 08000500 03000000 11000300 76657468 32643266 30363430 00000000 08000400 78050000 08001c00 03000000
      18001200 08000100 766c616e 0c000200 06000100 d2040000`,
  },
  ...(["l2", "l3", "l3s"] as const).map((mode, word): Captured => ({
    name: "veth18438135",
    link: { kind: "ipvlan", parent: over, mode },
    mtu: 1400,
    numbers: { parent: 3, netns: 3 },
    hex: `${HEADER} 08000500 03000000 11000300 76657468 31383433 38313335 00000000 08000400 78050000 08001c00 03000000
      24001200 0a000100 6970766c 616e0000 14000200 06000100 0${word}000000 06000200 00000000`,
  })),
  {
    name: "veth0ea530c6",
    link: { kind: "macvlan", parent: over, mode: "vepa", bcQueueLen: 2000 },
    mtu: 1400,
    mac: "c2:11:22:33:44:55",
    numbers: { parent: 3, netns: 3 },
    hex: `${HEADER} 08000500 03000000 11000300 76657468 30656135 33306336 00000000 08000400 78050000
      0a000100 c2112233 44550000 08001c00 03000000
      24001200 0b000100 6d616376 6c616e00 14000200 08000100 02000000 08000700 d0070000`,
  },
];

for (const { numbers, hex, ...asked } of CAPTURED) {
  const kind = "mode" in asked.link ? `${asked.link.kind} in mode ${asked.link.mode}` : asked.link.kind;
  Deno.test(`the request for a ${kind} is the one that Go's plugin sends`, () => {
    const body = encodeCreate({ op: "link.create", on: "container", ...asked }, numbers);
    assert.deepEqual(taken(body), taken(bytesOf(hex)));
  });
}

const golden = (name: string, link: NetlinkKind, numbers: Numbers, more: { mtu?: number; mac?: string } = {}): string =>
  encodeCreate({ op: "link.create", on: "container", name, link, ...more }, numbers).toHex();

Deno.test("our own requests have these bytes: names of 1 and 15 bytes, a large index, with and without MTU and MAC", () => {
  const zeros = "00".repeat(16);
  assert.equal(golden("e", { kind: "dummy" }, {}), `${zeros}0600030065000000` + "100012800a00010064756d6d79000000");
  assert.equal(
    golden("a-name-of-15-by", { kind: "dummy" }, {}, { mtu: 1400, mac: "02:00:00:00:00:0a" }),
    `${zeros}14000300612d6e616d652d6f662d31352d627900` + "0800040078050000" + "0a00010002000000000a0000" +
      "100012800a00010064756d6d79000000",
  );
  assert.equal(
    golden("eth0", { kind: "vlan", parent: over, id: 4094 }, { parent: 0x1234, netns: 300 }),
    `${zeros}0800050034120000` + "090003006574683000000000" + "08001c002c010000" +
      "1c00128009000100766c616e00000000" + "0c00028006000100fe0f0000",
  );
  assert.equal(
    golden("eth0", { kind: "ipvlan", parent: over, mode: "l3s" }, { parent: 2, netns: 3 }),
    `${zeros}0800050002000000` + "090003006574683000000000" + "08001c0003000000" +
      "240012800b0001006970766c616e0000" + "14000280060001000200000006000200" + "00000000",
  );
});

/** A link as Linux 6.1 describes it: index 2, name eth0, MTU 1400, on link 7 of another namespace. */
const described = (info: string): Uint8Array =>
  bytesOf(`00000100 02000000 43100000 00000000 09000300 65746830 00000000 08000400 78050000 08000500 07000000
    08002500 00000000 ${info}`);

Deno.test("ipvlans that the kernel describes are read in each mode, also in one that has no name here", () => {
  for (const [word, mode] of [["00", "l2"], ["01", "l3"], ["02", "l3s"], ["07", "7"]] as const) {
    const link = decodeLink(described(
      `24001200 0b000100 6970766c 616e0000 14000200 06000100 ${word}000000 06000200 00000000`,
    ));
    assert.deepEqual([link?.kind, link?.mtu, link?.up], ["ipvlan", 1400, true]);
    assert.deepEqual(link?.over, { parent: 7, elsewhere: true, mode });
  }
});

Deno.test("a link without the data of its kind stands on something, and has no mode and no id", () => {
  for (
    const [info, kind] of [["10001200 0b000100 6970766c 616e0000", "ipvlan"], [
      "10001200 09000100 766c616e 00000000",
      "vlan",
    ]] as const
  ) {
    const link = decodeLink(described(info));
    assert.deepEqual([link?.kind, link?.over], [kind, { parent: 7, elsewhere: true }]);
  }
  assert.equal(readUint(described(""), 4, 4), 2);
});
