/** Whatever comes from the network, or over the daemon's socket: read or passed over; nothing but `GobFault` is thrown. */
import assert from "node:assert/strict";
import { decodeDatagram, encodeDatagram } from "../../src/effects/dhcp/datagram.ts";
import { GobDecoder, nextMessage } from "../../src/effects/dhcp/gob/decode.ts";
import { GobEncoder } from "../../src/effects/dhcp/gob/encode.ts";
import { GobFault } from "../../src/effects/dhcp/gob/number.ts";
import { decodeMessage, encodeMessage, u32Bytes } from "../../src/effects/dhcp/message.ts";
import { OPTION } from "../../src/spec/dhcp_option.ts";
import { argsIn, argsRecord, grantIn, grantRecord, leasesIn, recordIn } from "../../src/effects/dhcp/rpc.ts";
import { ARGS, REQUEST, RESULT } from "../../src/effects/dhcp/rpc_types.ts";
import { termsOf } from "../../src/effects/dhcp/terms.ts";
import { parseCidr, parseIp } from "../../src/spec/cidr.ts";
import { fuzz } from "../support/fuzz.ts";
import { damaged, joined, noise, smallerBytes } from "../support/fuzz_bytes.ts";
import type { Random } from "./spec_random.ts";

const CODES = Object.values(OPTION) as [number, ...number[]];

/** Options as servers send them, and as they do not. */
const optionsOf = (random: Random): Map<number, Uint8Array> =>
  new Map([
    [OPTION.SUBNET_MASK, Uint8Array.of(255, 255, random.pick([0, 240, 255]), 0)] as const,
    [OPTION.SERVER_ID, Uint8Array.of(192, 0, 2, 1)] as const,
    [OPTION.LEASE_TIME, u32Bytes(Number(random.bits(32)))] as const,
    ...random.list(5, () => [random.pick(CODES), noise(random, 40)] as const),
  ]);

const packet = (random: Random): Uint8Array => {
  const message = encodeMessage({
    isReply: random.below(4) > 0,
    xid: random.below(2 ** 31),
    secs: 0,
    flags: 0,
    ciaddr: "0.0.0.0",
    yiaddr: `192.0.2.${random.below(256)}`,
    chaddr: "02:00:00:00:00:01",
    options: optionsOf(random),
  });
  const payload = damaged(random, message, 2);
  return encodeDatagram({ from: "192.0.2.1", fromPort: 67, to: "255.255.255.255", toPort: 68, payload });
};

Deno.test("whatever a packet holds, it grants an address with a prefix, or nothing", async (t) => {
  await fuzz<Uint8Array>(t, "DHCP packets", {
    make: (random) => random.below(10) === 0 ? noise(random, 400) : damaged(random, packet(random), 1),
    holds: (bytes) => {
      const datagram = decodeDatagram(bytes);
      const message = datagram === null ? null : decodeMessage(datagram.payload);
      if (message === null) return;
      assert.match(message.chaddr, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      const terms = termsOf(message, "02:00:00:00:00:02", 0, 0);
      if (typeof terms === "string") return;
      assert.ok(parseCidr(terms.address) !== null && parseIp(terms.server) !== null);
      for (const { dst, gw } of terms.routes) {
        assert.ok(parseCidr(dst) !== null && (gw === undefined || parseIp(gw) !== null), `${dst} via ${gw}`);
      }
      const { renewAt, rebindAt, expiresAt } = terms;
      assert.ok((renewAt ?? 0) <= (rebindAt ?? 0) && (rebindAt ?? 0) <= (expiresAt ?? 0));
      assert.doesNotMatch((terms.dns?.search ?? []).join(""), /\s/);
    },
    smaller: smallerBytes,
    show: (bytes) => bytes.toHex(),
  });
});

const call = (random: Random): Uint8Array => {
  const encoder = new GobEncoder();
  const text = () => random.text(12, ["c1", "eth0", "/", "é", "\0"]);
  const args = { containerId: text(), netns: text(), ifName: text(), args: text(), path: text(), stdin: text() };
  const head = encoder.encode(REQUEST, { ServiceMethod: "DHCP.Allocate", Seq: random.below(300) });
  const grant = { ips: [{ address: "192.0.2.5/24" }], routes: [{ dst: "0.0.0.0/0", gw: "192.0.2.1" }] };
  const body = random.below(2) === 0
    ? encoder.encode(ARGS, argsRecord(args))
    : encoder.encode({ ...RESULT, id: 80 }, grantRecord(grant));
  return joined(head, body);
};

Deno.test("whatever stands in a stream of calls, it is read, waited for, or refused", async (t) => {
  await fuzz<Uint8Array>(t, "DHCP calls", {
    make: (random) => random.below(10) === 0 ? noise(random, 60) : damaged(random, call(random), 3),
    holds: (bytes) => {
      const decoder = new GobDecoder();
      try {
        for (let at = 0;;) {
          const found = nextMessage(bytes, at);
          if (found === null) return;
          const record = recordIn(decoder.decode(found.message) ?? undefined);
          assert.equal(typeof argsIn(record).stdin, "string");
          for (const { address } of grantIn(record).ips) assert.ok(parseCidr(address) !== null);
          assert.ok(Array.isArray(leasesIn(record)));
          at = found.next;
        }
      } catch (error) {
        if (!(error instanceof GobFault)) throw error;
      }
    },
    smaller: smallerBytes,
    show: (bytes) => bytes.toHex(),
  });
});
