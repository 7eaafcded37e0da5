/** Whatever bytes come from the kernel's side: decoded into what can be, or passed over. Nothing is thrown. */
import assert from "node:assert/strict";
import { flushConntrack } from "../../src/effects/kernel/linux/conntrack.ts";
import { NetlinkFailure, readFailure } from "../../src/effects/kernel/linux/netlink/error.ts";
import { Attributes, attributesOf, NLMSG_HDRLEN } from "../../src/effects/kernel/linux/netlink/message.ts";
import { messagesOf } from "../../src/effects/kernel/linux/netlink/socket.ts";
import type { NetfilterSocket } from "../../src/effects/kernel/linux/nftables/batch.ts";
import { hasValue, readElement, readGeneration, readStored } from "../../src/effects/kernel/linux/nftables/element.ts";
import { decodeAddress } from "../../src/effects/kernel/linux/rtnetlink/address.ts";
import { decodeLink } from "../../src/effects/kernel/linux/rtnetlink/link_decode.ts";
import { decodeNeighbour } from "../../src/effects/kernel/linux/rtnetlink/neighbour.ts";
import { decodeRoute } from "../../src/effects/kernel/linux/rtnetlink/route_decode.ts";
import { decodeVlans } from "../../src/effects/kernel/linux/rtnetlink/vlan.ts";
import { decodeClass } from "../../src/effects/kernel/linux/tc/class.ts";
import { decodeFilter } from "../../src/effects/kernel/linux/tc/filter.ts";
import { decodeQdisc } from "../../src/effects/kernel/linux/tc/qdisc.ts";
import { parseCidr, parseIp } from "../../src/spec/cidr.ts";
import { fuzz } from "../support/fuzz.ts";
import { damaged, joined, noise, smallerBytes } from "../support/fuzz_bytes.ts";
import { oneOf } from "../support/fuzz_json.ts";
import { attributes, message, nftAnswer, ROUTING, WANTED } from "../support/fuzz_netlink.ts";

const u32 = (value: number | null): boolean =>
  value === null || (Number.isInteger(value) && value >= 0 && value < 2 ** 32);

/** What the decoders say of a body is what the kernel could have meant. */
function decodes(body: Uint8Array): void {
  const link = decodeLink(body);
  if (link !== null) {
    assert(u32(link.index) && u32(link.mtu) && u32(link.master) && u32(link.peer) && u32(link.txQueueLen));
    assert(!link.name.includes("\0"));
  }
  const address = decodeAddress(body);
  if (address !== null) assert.match(address.address, /^[\d.]+\/\d+$|^[\da-f:]+\/\d+$/);
  for (const { dst, gw, oif, metric, table } of decodeRoute(body)) {
    const [ip = ""] = dst.split("/");
    assert(parseIp(ip) !== null && (gw === null || parseIp(gw) !== null), `${dst} via ${gw}`);
    assert(u32(oif) && u32(metric) && u32(table));
  }
  const neighbour = decodeNeighbour(body);
  if (neighbour !== null) assert(parseIp(neighbour.ip) !== null);
  for (const { vid, to } of decodeVlans(body)) assert(vid <= 0xffff && (to ?? 0) <= 0xffff);
  const qdisc = decodeQdisc(body);
  if (qdisc !== null) assert(/^[0-9a-f]+:[0-9a-f]*$/.test(qdisc.handle) && u32(qdisc.burstTicks ?? null));
  const ofHtb = decodeClass(body);
  if (ofHtb !== null) assert(ofHtb.rate >= 0 && u32(ofHtb.burstTicks));
  const match = decodeFilter(body)?.match ?? null;
  if (match !== null && match !== "other") assert(parseCidr(match.prefix) !== null, match.prefix);
  const failure = readFailure(0x300, body);
  if (failure !== null) {
    assert(failure instanceof NetlinkFailure && /^E[A-Z0-9]+|\d/.test(failure.errno), failure.errno);
  }
}

/** Attributes lie within the bytes they were read from, at every level. */
function staysInside(bytes: Uint8Array, depth: number): void {
  let sum = 0;
  for (const [type, payload] of attributesOf(bytes)) {
    assert(type <= 0x3fff);
    assert(payload.byteOffset >= bytes.byteOffset && payload.byteLength <= bytes.byteLength);
    sum += 4 + payload.length;
    if (depth > 0) staysInside(payload, depth - 1);
  }
  assert(sum <= bytes.length, `${sum} bytes of attributes in ${bytes.length}`);
}

Deno.test("whatever a netlink message holds, decoders answer with what fits and never throw", async (t) => {
  await fuzz<Uint8Array>(t, "netlink messages", {
    make: (random) => {
      const kind = random.below(8);
      if (kind === 0) return noise(random, 120);
      if (kind === 1) return joined(noise(random, 16), damaged(random, attributes(random, 5)));
      return damaged(random, oneOf(random, ROUTING)());
    },
    holds: (body) => {
      decodes(body);
      staysInside(body, 8);
      new Attributes(body).nested(18).nested(5).u8(4);
    },
    smaller: smallerBytes,
    show: (body) => body.toHex(),
  });
});

Deno.test("whatever a datagram holds, it is split into messages that lie within it", async (t) => {
  await fuzz<Uint8Array>(t, "netlink dumps", {
    make: (random) => {
      const parts = random.list(
        5,
        () => message(random.pick([2, 3, 16, 20, 24]), random.below(64), 1, oneOf(random, ROUTING)()),
      );
      return random.below(10) === 0 ? noise(random, 200) : damaged(random, joined(...parts));
    },
    holds: (datagram) => {
      let sum = 0;
      for (const { body } of messagesOf(datagram)) {
        sum += NLMSG_HDRLEN + body.length;
        decodes(body);
      }
      assert(sum <= datagram.length);
    },
    smaller: smallerBytes,
    show: (datagram) => datagram.toHex(),
  });
});

/** A kernel that answers everything with the messages of one datagram. */
function answering(datagram: Uint8Array): NetfilterSocket {
  const batch: NetfilterSocket["batch"] = () => {
    const all = [...messagesOf(datagram)];
    const failures = all.filter(({ type }) => type === 2).flatMap(({ flags, body, seq }) => {
      const failure = readFailure(flags, body);
      return failure === null ? [] : [{ index: seq % 2, failure }];
    });
    return { messages: all.filter(({ type }) => type !== 2), failures };
  };
  const request: NetfilterSocket["request"] = () => {
    const { messages, failures: [first] } = batch([]);
    if (first !== undefined) throw first.failure;
    return messages;
  };
  return { batch, request, dump: request };
}

/** What is forgotten. */
const DNS = { op: "conntrack.flush", on: "host", protocol: "udp", port: 53 } as const;

/** Answers, or refuses as the kernel does; anything else is a defect. */
function refusesAtMost(ask: () => unknown): void {
  try {
    ask();
  } catch (error) {
    if (!(error instanceof NetlinkFailure)) throw error;
  }
}

Deno.test("whatever nf_tables and conntrack answer, it is read or refused as the kernel's fault", async (t) => {
  await fuzz<Uint8Array>(t, "nf_tables answers", {
    make: (random) => {
      const types = [0xa0c, 0xa0c, 0xa09, 0xa0f, 0x100, 2] as const;
      const body = () => random.below(5) === 0 ? oneOf(random, ROUTING)() : nftAnswer(random.below(2) === 0);
      const part = () => message(random.pick(types), 0, random.below(3), damaged(random, body(), 2));
      return damaged(random, joined(part(), ...random.list(2, part)), 1);
    },
    holds: (datagram) => {
      const socket = answering(datagram);
      refusesAtMost(() => readElement(socket, WANTED));
      refusesAtMost(() => readGeneration(socket));
      refusesAtMost(() => {
        for (const stored of readStored(socket, [WANTED, WANTED])) if (stored !== null) hasValue(stored, WANTED.value);
      });
      for (const family of [4, 6] as const) {
        refusesAtMost(() => flushConntrack(socket, { ...DNS, family }));
      }
      refusesAtMost(() => flushConntrack(socket, { ...DNS, family: 6, address: "fd00::2" }));
    },
    smaller: smallerBytes,
    show: (datagram) => datagram.toHex(),
  });
});
