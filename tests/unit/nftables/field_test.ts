import assert from "node:assert/strict";
import type { NftField, NftType } from "../../../src/effects/kernel/nft.ts";
import {
  decodeFields,
  encodeFields,
  lengthOf,
  packTypes,
  unpackTypes,
} from "../../../src/effects/kernel/linux/nftables/field.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();

/** One field of each type, its natural bytes and its type. */
const singles: readonly [NftType, NftField, string][] = [
  ["ipv4_addr", { ip: "10.1.0.2" }, "0a010002"],
  ["ipv6_addr", { ip: "fd00:1::2" }, "fd000001000000000000000000000002"],
  ["ether_addr", { mac: "0a:58:0a:01:00:02" }, "0a580a010002"],
  ["inet_proto", { protocol: "udp" }, "11"],
  ["inet_service", { port: 8080 }, "1f90"],
  ["ifname", { ifName: "veth0" }, "76657468300000000000000000000000"],
];

Deno.test("a single field has its natural length and reads back as it was", () => {
  for (const [type, field, bytes] of singles) {
    assert.equal(hex(encodeFields([field])), bytes, type);
    assert.equal(lengthOf([type]), bytes.length / 2, type);
    assert.deepEqual(decodeFields([type], encodeFields([field])), [field], type);
  }
});

Deno.test("each field of a concatenation is padded to four bytes, and every pair reads back as it was", () => {
  assert.equal(hex(encodeFields([{ protocol: "tcp" }, { port: 8080 }])), "060000001f900000");
  for (const [type1, field1, bytes1] of singles) {
    for (const [type2, field2, bytes2] of singles) {
      const bytes = encodeFields([field1, field2]);
      const pad = (text: string) => text.padEnd(Math.ceil(text.length / 8) * 8, "0");
      assert.equal(hex(bytes), pad(bytes1) + pad(bytes2), `${type1} . ${type2}`);
      assert.equal(lengthOf([type1, type2]), bytes.length);
      assert.deepEqual(decodeFields([type1, type2], bytes), [field1, field2]);
    }
  }
});

Deno.test("bytes of another length, or of a protocol we do not name, are not decoded", () => {
  assert.equal(decodeFields(["inet_proto", "inet_service"], Uint8Array.of(6, 0, 0, 0)), null);
  assert.equal(decodeFields([], new Uint8Array()), null);
  assert.equal(decodeFields(["inet_proto"], Uint8Array.of(1)), null);
  assert.deepEqual(decodeFields(["inet_proto"], Uint8Array.of(132)), [{ protocol: "sctp" }]);
});

Deno.test("types pack six bits each, the first highest, and unpack again", () => {
  assert.equal(packTypes(["inet_proto", "inet_service"]), 12 << 6 | 13);
  assert.equal(packTypes(["ifname"]), 41);
  const all: readonly NftType[] = ["ipv4_addr", "ether_addr", "inet_proto", "inet_service", "ifname"];
  assert.deepEqual(unpackTypes(packTypes(all)), all);
  assert.equal(unpackTypes(12 << 6 | 19), null, "mark is none of our types");
});

Deno.test("values a field cannot hold are refused by name", () => {
  const refused: readonly [NftField, RegExp][] = [
    [{ port: 65536 }, /port 65536.*0\.\.65535/],
    [{ port: -1 }, /port -1/],
    [{ port: 1.5 }, /port 1\.5/],
    [{ ifName: "a-name-of-16-byt" }, /interface name "a-name-of-16-byt".*15 bytes/],
    [{ mac: "0a:58:0a:01:00" }, /"0a:58:0a:01:00": it is not an Ethernet address/],
    [{ mac: "0a:58:0a:01:00:0g" }, /not an Ethernet address/],
    [{ ip: "10.1.0.300" }, /"10\.1\.0\.300": it is not an IP address/],
  ];
  for (const [field, message] of refused) assert.throws(() => encodeFields([field]), message);
});
