import assert from "node:assert/strict";
import {
  Attributes,
  attributesOf,
  readBe,
  readString,
  readUint,
  Writer,
} from "../../../src/effects/kernel/linux/netlink/message.ts";

Deno.test("integers are written in the order they are named after", () => {
  const bytes = new Writer().u8(0x01).u16(0x0203).u32(0x04050607).be16(0x0203).be32(0x04050607).be64(0x0102n).finish();
  assert.deepEqual([...bytes], [1, 3, 2, 7, 6, 5, 4, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 1, 2]);
});

Deno.test("negative integers become their two's complement", () => {
  const bytes = new Writer().u32(-1).be32(-2).finish();
  assert.deepEqual([...bytes], [255, 255, 255, 255, 255, 255, 255, 254]);
});

Deno.test("an attribute's length leaves out its padding, which is zero", () => {
  const bytes = new Writer().attributeString(3, "abc").attributeU8(4, 9).finish();
  assert.deepEqual([...bytes], [8, 0, 3, 0, 97, 98, 99, 0, 5, 0, 4, 0, 9, 0, 0, 0]);
});

Deno.test("a nested attribute has its flag, and the length of all it holds with the padding inside", () => {
  const writer = new Writer();
  writer.nested(18, () => writer.attributeU8(1, 7).nested(2, () => writer.attributeBe16(5, 0x0102)));
  const inner = [12, 0, 2, 128, 6, 0, 5, 0, 1, 2, 0, 0];
  assert.deepEqual([...writer.finish()], [24, 0, 18, 128, 5, 0, 1, 0, 7, 0, 0, 0, ...inner]);
});

Deno.test("the writer grows, and what it wrote before stays", () => {
  const writer = new Writer();
  for (let i = 0; i < 1000; i++) writer.attributeU32(i, i * 3);
  const seen = [...attributesOf(writer.finish())];
  assert.equal(seen.length, 1000);
  assert.ok(seen.every(([type, payload], i) => type === i && readUint(payload, 4) === i * 3));
});

Deno.test("an attribute longer than its length field can say is refused", () => {
  assert.equal(new Writer().attributeBytes(1, new Uint8Array(65_531)).length, 65_536);
  assert.throws(() => new Writer().attributeBytes(1, new Uint8Array(65_532)), RangeError);
});

Deno.test("attributes are read as they were written, of a repeated one the last", () => {
  const writer = new Writer().attributeU8(1, 200).attributeU16(2, 60_000).attributeU32(3, 4_000_000_000)
    .attributeBe16(4, 60_000).attributeBe32(5, 4_000_000_000).attributeString(6, "brücke")
    .attributeU8(1, 201);
  writer.nested(7, () => writer.attributeString(1, "veth"));
  const read = new Attributes(writer.finish());
  assert.deepEqual([read.u8(1), read.u16(2), read.u32(3), read.be16(4), read.be32(5), read.string(6)], [
    201,
    60_000,
    4_000_000_000,
    60_000,
    4_000_000_000,
    "brücke",
  ]);
  assert.equal(read.nested(7).string(1), "veth");
  assert.deepEqual([read.has(7), read.has(8)], [true, false]);
});

Deno.test("what is missing or too short reads as null", () => {
  const read = new Attributes(new Writer().attributeU8(1, 1).finish());
  assert.deepEqual([read.u16(1), read.u32(1), read.be16(1), read.be32(1)], [null, null, null, null]);
  assert.deepEqual([read.u8(2), read.bytes(2), read.string(2), read.nested(2).u8(1)], [null, null, null, null]);
  assert.equal(readUint(new Uint8Array(4), 4, 1), null);
  assert.equal(readBe(new Uint8Array(3), 4), null);
  assert.equal(readUint(null, 1), null);
});

Deno.test("text ends at its first NUL or at the end", () => {
  assert.equal(readString(Uint8Array.of(97, 0, 98)), "a");
  assert.equal(readString(Uint8Array.of(97, 98)), "ab");
  assert.equal(readString(new Uint8Array()), "");
});

Deno.test("flag bits are not part of an attribute's type", () => {
  const bytes = new Writer().attribute(0xc005, (writer) => writer.u8(1)).finish();
  assert.deepEqual([...attributesOf(bytes)].map(([type]) => type), [5]);
});

Deno.test("reading ends at an attribute that does not fit", () => {
  const good = new Writer().attributeU32(1, 5).finish();
  for (const bad of [[3, 0, 9, 0], [0, 0, 0, 0], [200, 0, 9, 0, 1, 1], [255, 255], [4]]) {
    assert.equal([...attributesOf(Uint8Array.of(...good, ...bad))].length, 1, bad.join());
  }
});
