import assert from "node:assert/strict";
import * as Cidr from "../../../src/spec/cidr.ts";

const addresses: readonly (readonly [text: string, canonical: string | null])[] = [
  ["10.0.0.1", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["10.0.0.01", null],
  ["010.0.0.1", null],
  ["10.0.0.256", null],
  ["10.0.1", null],
  ["10", null],
  ["0x0a.0.0.1", null],
  ["10.0.0.1.", null],
  [" 10.0.0.1", null],
  ["10.0.0.1\n", null],
  ["", null],
  [":", null],
  ["::", "::"],
  ["::1", "::1"],
  ["FD00:0:0::0A", "fd00::a"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7:8::", null],
  ["1:2:3:4:5:6:7", null],
  ["1:2:3:4:5:6:7:", null],
  [":1:2:3:4:5:6:7", null],
  ["1::2::3", null],
  [":::", null],
  ["::::", null],
  ["1::2:", null],
  ["::12345", null],
  ["fe80::1%eth0", null],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:a00:1", "10.0.0.1"],
  ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
  ["::10.0.0.1", "::a00:1"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["::ffff:10.0.0.01", null],
  ["1:2:3:4:5:6:7:10.0.0.1", null],
  ["10.0.0.1:80", null],
];

Deno.test("[E17, J93, J94] addresses are read as Go reads them and printed canonically", () => {
  for (const [text, canonical] of addresses) assert.equal(Cidr.canonicalIp(text), canonical, text);
});

const prefixes: readonly (readonly [text: string, canonical: string | null])[] = [
  ["10.1.2.3/24", "10.1.2.3/24"],
  ["10.1.2.3/0", "10.1.2.3/0"],
  ["10.1.2.3/32", "10.1.2.3/32"],
  ["10.1.2.3/33", null],
  ["10.1.2.3/-1", null],
  ["10.1.2.3/+1", null],
  ["10.1.2.3/1.5", null],
  ["10.1.2.3/", null],
  ["10.1.2.3", null],
  ["10.1.2.3/8/8", null],
  ["fd00::7/64", "fd00::7/64"],
  ["fd00::7/128", "fd00::7/128"],
  ["fd00::7/129", null],
  ["fe80::1%eth0/64", null],
  ["::ffff:10.1.2.3/112", "10.1.2.3/16"],
  ["::ffff:10.1.2.3/64", "10.1.2.3/0"],
  ["::ffff:10.1.2.3/24", "10.1.2.3/0"],
  ["::ffff:10.1.2.3/129", null],
];

Deno.test("[E17, J93, J94, J126] prefixes keep host bits, and mapped ones lose 96 bits", () => {
  for (const [text, canonical] of prefixes) assert.equal(Cidr.canonicalCidr(text), canonical, text);
});

Deno.test("a subnet has a network, first and last hosts, and for IPv4 a broadcast address", () => {
  const facts = (text: string) => [
    Cidr.formatCidr(Cidr.networkOf(text)),
    ...[Cidr.firstHost(text), Cidr.lastHost(text), Cidr.lastAddress(text), Cidr.broadcastOf(text)]
      .map((ip) => ip && Cidr.formatIp(ip)),
  ];
  assert.deepEqual(facts("10.1.2.3/16"), ["10.1.0.0/16", "10.1.0.1", "10.1.255.254", "10.1.255.255", "10.1.255.255"]);
  assert.deepEqual(facts("10.0.0.6/30"), ["10.0.0.4/30", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.7"]);
  assert.deepEqual(facts("10.0.0.6/31"), ["10.0.0.6/31", "10.0.0.7", "10.0.0.7", "10.0.0.7", null]);
  assert.deepEqual(facts("10.0.0.6/32"), ["10.0.0.6/32", "10.0.0.6", "10.0.0.6", "10.0.0.6", null]);
  assert.deepEqual(facts("fd00::5/126"), ["fd00::4/126", "fd00::5", "fd00::7", "fd00::7", null]);
  assert.deepEqual(facts("::/0")[3], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
});

Deno.test("a subnet contains its own family between its bounds", () => {
  assert(Cidr.contains("10.1.0.0/16", "10.1.0.0"));
  assert(Cidr.contains("10.1.2.3/16", "10.1.255.255"));
  assert(!Cidr.contains("10.1.0.0/16", "10.2.0.0"));
  assert(!Cidr.contains("10.1.0.0/16", "10.0.255.255"));
  assert(!Cidr.contains("::/0", "10.1.0.1"));
  assert(!Cidr.contains("0.0.0.0/0", "::1"));
  assert(Cidr.contains("10.0.0.0/8", "::ffff:10.1.1.1"));
});

Deno.test("next and previous cross octets and groups, and end at the ends", () => {
  const text = (ip: Cidr.Ip | null) => ip && Cidr.formatIp(ip);
  assert.equal(text(Cidr.next("10.0.0.255")), "10.0.1.0");
  assert.equal(text(Cidr.previous("10.0.1.0")), "10.0.0.255");
  assert.equal(text(Cidr.next("fd00::ffff")), "fd00::1:0");
  assert.equal(Cidr.next("255.255.255.255"), null);
  assert.equal(Cidr.next("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), null);
  assert.equal(Cidr.previous("0.0.0.0"), null);
  assert.equal(Cidr.previous("::"), null);
});

Deno.test("addresses sort by family, then by number", () => {
  const sorted = ["::1", "10.0.0.10", "10.0.0.9", "::"].toSorted(Cidr.compareIp);
  assert.deepEqual(sorted, ["10.0.0.9", "10.0.0.10", "::", "::1"]);
  assert.equal(Cidr.compareIp("::ffff:10.0.0.1", "10.0.0.1"), 0);
});

Deno.test("bytes are in network order, and 16 mapped bytes are IPv4", () => {
  assert.deepEqual([...Cidr.ipBytes("10.1.2.3")], [10, 1, 2, 3]);
  assert.deepEqual([...Cidr.ipBytes("fd00::1")].slice(0, 2), [0xfd, 0]);
  assert.equal(Cidr.ipBytes("fd00::1").length, 16);
  const mapped = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]);
  assert.equal(Cidr.formatIp(Cidr.ipFromBytes(mapped)), "10.1.2.3");
  assert.throws(() => Cidr.ipFromBytes(new Uint8Array(5)), RangeError);
});

Deno.test("families and default routes are told from text", () => {
  assert.equal(Cidr.family("10.0.0.1"), 4);
  assert.equal(Cidr.family("fd00::1/64"), 6);
  assert(Cidr.sameFamily("::/0", "fd00::1"));
  assert(!Cidr.sameFamily("::/0", "10.0.0.1"));
  assert(Cidr.isDefaultRoute("0.0.0.0/0") && Cidr.isDefaultRoute("::/0"));
  assert(!Cidr.isDefaultRoute("0.0.0.0/1"));
  assert.equal(Cidr.addressOf("10.1.2.3/16"), "10.1.2.3");
});

Deno.test("an unchecked text that is no address is a defect and throws", () => {
  assert.throws(() => Cidr.family("eth0"), /Cannot use "eth0"/);
  assert.throws(() => Cidr.contains("10.0.0.0", "10.0.0.1"), /Cannot use "10.0.0.0"/);
});
