/** Messages as the kernel sends them, to put faults into. */
import { type NftElement } from "../../src/effects/kernel/nft.ts";
import { encodeFields } from "../../src/effects/kernel/linux/nftables/field.ts";
import { NLMSG_HDRLEN, Writer } from "../../src/effects/kernel/linux/netlink/message.ts";
import { encodeAddress } from "../../src/effects/kernel/linux/rtnetlink/address.ts";
import { encodeNeighbour } from "../../src/effects/kernel/linux/rtnetlink/neighbour.ts";
import { encodeClass } from "../../src/effects/kernel/linux/tc/class.ts";
import { encodeFilter } from "../../src/effects/kernel/linux/tc/filter.ts";
import { encodeQdisc } from "../../src/effects/kernel/linux/tc/qdisc.ts";
import { encodeVlans } from "../../src/effects/kernel/linux/rtnetlink/vlan.ts";
import { encodeComment } from "../../src/effects/kernel/linux/nftables/userdata.ts";
import type { Random } from "../property/spec_random.ts";
import { noise } from "./fuzz_bytes.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** RTM_NEWLINK of a veth in a bridge (linux/if_link.h). */
function link(): Uint8Array {
  const writer = new Writer().u8(0).u8(0).u16(1).u32(7).u32(0x1 | 0x100).u32(0);
  writer.attributeString(3, "veth0").attributeBytes(1, bytes(2, 0, 0, 0, 0, 10)).attributeU32(4, 1400);
  writer.attributeU32(5, 3).attributeU32(10, 2).attributeU32(13, 1000).attributeU8(16, 6).attributeU32(30, 1);
  writer.nested(18, () => {
    writer.attributeString(1, "veth").attributeString(4, "bridge");
    writer.nested(5, () => writer.attributeU8(4, 1).attributeU8(33, 0));
  });
  return writer.finish();
}

/** RTM_NEWROUTE with two next hops (linux/rtnetlink.h). */
function route(): Uint8Array {
  const writer = new Writer().u8(2).u8(24).u8(0).u8(0).u8(252).u8(3).u8(253).u8(1).u32(0);
  writer.attributeU32(15, 5000).attributeBytes(1, bytes(10, 7, 0, 0)).attributeU32(6, 5);
  writer.nested(8, () => writer.attributeU32(2, 1300).attributeU32(8, 1260));
  writer.attribute(9, () => {
    writer.u16(16).u8(0).u8(0).u32(3).attributeBytes(5, bytes(10, 1, 0, 1));
    writer.u16(32).u8(0).u8(0).u32(4).attribute(18, () => writer.u16(10).bytes(new Uint8Array(15)).u8(1)).align();
  });
  return writer.finish();
}

/** NLMSG_ERROR with the kernel's words, and the end of a dump. */
const refusal = (): Uint8Array =>
  new Writer().u32(-17 >>> 0).bytes(new Uint8Array(16)).attributeString(1, "File exists").attributeU32(2, 24).finish();

const QUEUE = { on: "host", link: "a", handle: "1:" } as const;
/** A rate of more than 32 bits. */
const FAST = { rate: 2 ** 33, burst: 9_000 } as const;
const FILTER = { on: "host", link: "a", parent: "1:", priority: 1, flow: "1:1" } as const;

/** Bodies of rtnetlink's messages. */
export const ROUTING: readonly (() => Uint8Array)[] = [
  link,
  route,
  refusal,
  () => encodeAddress({ op: "address.add", on: "host", link: "a", address: "10.1.0.2/16", noDad: true }, 7),
  () => encodeAddress({ op: "address.add", on: "host", link: "a", address: "fd00::2/64" }, 7),
  () => encodeNeighbour({ op: "neighbour.add", on: "host", link: "a", ip: "10.1.0.9", mac: "02:00:00:00:00:09" }, 7),
  () => encodeQdisc(7, { op: "qdisc.add", ...QUEUE, parent: "root", qdisc: { kind: "tbf", ...FAST, limit: 9_000 } }),
  () => encodeQdisc(7, { op: "qdisc.add", ...QUEUE, parent: "root", qdisc: { kind: "htb", fallback: "1:30" } }),
  () => encodeClass(7, { op: "class.add", ...QUEUE, parent: "1:", class: "1:30", ...FAST }),
  () => encodeFilter(7, { op: "filter.add", ...FILTER, protocol: "all" }, 9),
  () =>
    encodeFilter(
      7,
      { op: "filter.add", ...FILTER, protocol: "ip", match: { field: "src", prefix: "10.0.0.0/8" } },
      null,
    ),
  () => encodeVlans({ index: 7, kind: "bridge" }, [{ vid: 1, pvid: true, untagged: true }, { vid: 5, to: 9 }]),
];

/** The element that nf_tables is asked for. */
export const WANTED: NftElement = {
  family: "inet",
  table: "cleat",
  set: "ports",
  key: [{ protocol: "tcp" }, { port: 8080 }],
  value: [{ ip: "10.1.0.2" }, { port: 80 }],
};

/** NFT_MSG_NEWSETELEM, NFT_MSG_NEWSET and NFT_MSG_NEWGEN as answers to it (linux/netfilter/nf_tables.h). */
export function nftAnswer(verdict: boolean): Uint8Array {
  const writer = new Writer().u8(1).u8(0).be16(0);
  writer.attributeString(1, "cleat").attributeString(2, "ports").attributeBe32(6, 13).attributeBe32(7, 8);
  writer.nested(3, () =>
    writer.nested(1, () => {
      writer.nested(1, () => writer.attributeBytes(1, encodeFields(WANTED.key)));
      writer.nested(2, () => {
        if (!verdict) writer.attributeBytes(1, encodeFields([{ ip: "10.1.0.2" }, { port: 80 }]));
        else writer.nested(2, () => writer.attributeBe32(1, -3 >>> 0).attributeString(2, "chain"));
      });
      writer.attributeBytes(6, encodeComment("of c1", 0));
    }));
  return writer.finish();
}

/** Attributes within attributes, up to `depth` levels, some with noise in them. */
export function attributes(random: Random, depth: number): Uint8Array {
  const writer = new Writer();
  const fill = (level: number): void => {
    for (let left = random.below(4); left > 0; left--) {
      const type = random.below(40);
      if (level > 0 && random.below(3) > 0) writer.nested(type, () => fill(level - 1));
      else writer.attributeBytes(type, noise(random, 20));
    }
  };
  fill(depth);
  return writer.finish();
}

/** A message with its header. */
export const message = (type: number, flags: number, seq: number, body: Uint8Array): Uint8Array =>
  new Writer().u32(NLMSG_HDRLEN + body.length).u16(type).u16(flags).u32(seq).u32(0).bytes(body).align().finish();
