import assert from "node:assert/strict";
import { macBytes, macFromBytes, parseLinkMac, parseMac } from "../../../src/spec/mac.ts";

Deno.test("three ways to write an Ethernet address come out as one", () => {
  for (const text of ["0A:58:0a:01:02:03", "0a-58-0A-01-02-03", "0a58.0A01.0203"]) {
    assert.equal(parseMac(text), "0a:58:0a:01:02:03", text);
  }
});

Deno.test("what is no Ethernet address is refused", () => {
  for (
    const text of [
      "",
      "0a:58:0a:01:02",
      "0a:58:0a:01:02:03:04",
      "0a:58-0a:01:02:03",
      "0a580a010203",
      "0g:58:0a:01:02:03",
      "a:58:0a:01:02:03",
      "0a:58:0a:01:02:03\n",
    ]
  ) {
    assert.equal(parseMac(text), null, text);
  }
});

Deno.test("an address has six bytes and comes back from them", () => {
  assert.deepEqual([...macBytes("0a:58:0a:01:02:ff")], [0x0a, 0x58, 0x0a, 1, 2, 0xff]);
  assert.equal(macFromBytes(macBytes("0a:58:0a:01:02:ff")), "0a:58:0a:01:02:ff");
  assert.throws(() => macBytes("x"), /Cannot use "x"/);
});

Deno.test("a link takes no group address and not zero, whatever their form", () => {
  assert.equal(parseLinkMac("02-00-00-00-00-AA"), "02:00:00:00:00:aa");
  for (const text of ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "3333.0000.0001", "00-00-00-00-00-00", "nonsense"]) {
    assert.equal(parseLinkMac(text), null, text);
  }
});
