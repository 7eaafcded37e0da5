/** The order of addresses is host-local's. */
import assert from "node:assert/strict";
import { candidates, spansOf } from "../../../src/effects/leases/iterate.ts";
import type { LeaseRange } from "../../../src/effects/kernel/op.ts";
import { formatIp, parseIp } from "../../../src/spec/cidr.ts";

const range = (subnet: string, rangeStart: string, rangeEnd: string, gateway: string): LeaseRange => ({
  subnet,
  rangeStart,
  rangeEnd,
  gateway,
});
const SLASH_29 = range("192.168.1.0/29", "192.168.1.1", "192.168.1.6", "192.168.1.1");
const LOW = range("192.168.1.0/30", "192.168.1.0", "192.168.1.3", "192.168.1.0");
const HIGH = range("192.168.1.4/30", "192.168.1.4", "192.168.1.7", "192.168.1.4");
const SIX = range("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::1");

const order = (ranges: readonly LeaseRange[], last: string | null): string => {
  const found = Array.from(candidates(spansOf(ranges), last === null ? null : parseIp(last)), ({ ip }) => formatIp(ip));
  return found.map((ip) => ip.slice(ip.lastIndexOf("."))).join(" ");
};

const first = (ranges: readonly LeaseRange[], last: string | null, count: number): string[] => {
  const found: string[] = [];
  for (const { ip } of candidates(spansOf(ranges), last === null ? null : parseIp(last))) {
    if (found.push(formatIp(ip)) === count) break;
  }
  return found;
};

Deno.test.each([
  [null, ".2 .3 .4 .5 .6"],
  ["192.168.1.6", ".2 .3 .4 .5 .6"],
  ["192.168.1.3", ".4 .5 .6 .2 .3"],
  ["192.168.1.2", ".3 .4 .5 .6 .2"],
  ["192.168.1.1", ".2 .3 .4 .5 .6"],
  ["10.0.0.1", ".2 .3 .4 .5 .6"],
  ["2001:db8::1", ".2 .3 .4 .5 .6"],
])(
  "[HL12, HL15, HL17, HL18] a /29 after %s gives %s",
  (last, expected) => assert.equal(order([SLASH_29], last), expected),
);

Deno.test("[HL20, HL29, HL30] after the last address of one range comes the first of the next, and gateways are skipped in their own", () => {
  assert.equal(order([LOW, HIGH], null), ".1 .2 .3 .5 .6 .7");
  assert.equal(order([LOW, HIGH], "192.168.1.3"), ".5 .6 .7 .1 .2 .3");
  assert.equal(order([LOW, HIGH], "192.168.1.6"), ".7 .1 .2 .3 .5 .6");
  assert.equal(order([HIGH, LOW], "192.168.1.7"), ".1 .2 .3 .5 .6 .7");
});

Deno.test("the gateway of a sibling range is an address like any other", () => {
  const sibling = { ...HIGH, gateway: "192.168.1.2" };
  assert.equal(order([LOW, sibling], null), ".1 .2 .3 .4 .5 .6 .7");
});

Deno.test("explicit bounds may include the network and the broadcast address", () => {
  const all = { ...LOW, gateway: "192.168.1.254" };
  assert.equal(order([all], null), ".0 .1 .2 .3");
});

Deno.test("a set of one address gives it once, also when it was the last", () => {
  const one = { ...LOW, rangeStart: "192.168.1.2", rangeEnd: "192.168.1.2" };
  assert.equal(order([one], null), ".2");
  assert.equal(order([one], "192.168.1.2"), ".2");
});

Deno.test("a set whose only address is its gateway, and an empty set, give nothing", () => {
  const gatewayOnly = { ...LOW, rangeStart: "192.168.1.0", rangeEnd: "192.168.1.0" };
  assert.equal(order([gatewayOnly], null), "");
  assert.equal(order([], null), "");
});

Deno.test("[HL13] an IPv6 /64 is not enumerated", () => {
  assert.deepEqual(first([SIX], null, 2), ["2001:db8::2", "2001:db8::3"]);
  assert.deepEqual(first([SIX], "2001:db8::ffff:ffff:ffff:fffe", 3), [
    "2001:db8::ffff:ffff:ffff:ffff",
    "2001:db8::2",
    "2001:db8::3",
  ]);
});

Deno.test("a range up to the last address of its family wraps", () => {
  const top = range("255.255.255.252/30", "255.255.255.254", "255.255.255.255", "255.255.255.253");
  assert.equal(order([top], "255.255.255.254"), ".255 .254");
});
