import assert from "node:assert/strict";
import { Writer } from "../../../src/effects/kernel/linux/netlink/message.ts";
import { decodeAddress } from "../../../src/effects/kernel/linux/rtnetlink/address.ts";
import { decodeRule } from "../../../src/effects/kernel/linux/rtnetlink/rule_decode.ts";

const ip4 = (...octets: number[]) => Uint8Array.from(octets);

/** A rule as the kernel describes it: `from 10.1.0.2 lookup 100`, and what more it is to have. */
const ruleMessage = (
  more: (writer: Writer) => unknown = () => {},
  header: Partial<Record<"dst" | "tos" | "action" | "flags", number>> = {},
) => {
  const { dst = 0, tos = 0, action = 1, flags = 0 } = header;
  const writer = new Writer().u8(2).u8(dst).u8(32).u8(tos).u8(100).u8(0).u8(0).u8(action).u32(flags)
    .attributeU32(15, 100).attributeU32(14, 0xffff_ffff).attributeBytes(2, ip4(10, 1, 0, 2)).attributeU32(6, 32_765)
    .attributeU8(21, 3);
  more(writer);
  return writer.finish();
};

Deno.test("a rule is read with its source, table, priority and maker", () => {
  const rule = { priority: 32_765, from: "10.1.0.2/32", table: 100, protocol: 3, plain: true };
  assert.deepEqual(decodeRule(ruleMessage()), rule);
  const mine = new Writer().u8(10).u8(0).u8(0).u8(0).u8(255).u8(0).u8(0).u8(1).u32(0).finish();
  assert.deepEqual(decodeRule(mine), { priority: 0, from: null, table: 255, protocol: 0, plain: true });
  assert.equal(decodeRule(new Writer().u8(7).u8(0).u16(0).u32(0).u32(0).finish()), null);
});

for (
  const [what, message] of [
    ["a destination", ruleMessage((writer) => writer.attributeBytes(1, ip4(10, 2, 0, 0)), { dst: 16 })],
    ["a type of service", ruleMessage(() => {}, { tos: 8 })],
    ["another action", ruleMessage(() => {}, { action: 8 })],
    ["what it is not", ruleMessage(() => {}, { flags: 2 })],
    ["a mark", ruleMessage((writer) => writer.attributeU32(10, 1).attributeU32(16, 1))],
    ["an interface", ruleMessage((writer) => writer.attributeString(3, "eth0"))],
    ["the l3mdev flag", ruleMessage((writer) => writer.attributeU8(19, 1))],
    ["a least length", ruleMessage((writer) => writer.attributeU32(14, 0))],
  ] as const
) {
  Deno.test(`a rule that looks at ${what} is not plain`, () => {
    assert.equal(decodeRule(message)?.plain, false);
  });
}

Deno.test("an address says whether it ends, was checked, and brought a route", () => {
  const message = (preferred: number, valid: number, flags: number): Uint8Array =>
    new Writer().u8(10).u8(64).u8(0x80).u8(0).u32(7)
      .attributeBytes(1, new Uint8Array(16).fill(0xfd, 0, 1).fill(9, 15))
      .attribute(6, (writer) => writer.u32(preferred).u32(valid).u32(0).u32(0)).attributeU32(8, flags).finish();
  const base = { address: "fd00::9/64", scope: 0, tentative: false, dadFailed: false };
  assert.deepEqual(decodeAddress(message(0xffff_ffff, 0xffff_ffff, 0x282)), {
    ...base,
    noDad: true,
    noPrefixRoute: true,
  });
  assert.deepEqual(decodeAddress(message(60, 90, 0)), { ...base, lifetime: { preferred: 60, valid: 90 } });
  assert.deepEqual(decodeAddress(message(0xffff_ffff, 0xffff_ffff, 0x80)), base);
});

Deno.test("decodeRule never throws: messages cut short and with changed bytes", () => {
  const message = ruleMessage();
  for (let length = 0; length <= message.length; length++) decodeRule(message.slice(0, length));
  for (let at = 0; at < message.length; at++) {
    for (let byte = 0; byte < 256; byte += 5) decodeRule(message.with(at, byte));
  }
});
