import assert from "node:assert/strict";
import { decodeDatagram, encodeDatagram } from "../../../src/effects/dhcp/datagram.ts";
import { domainNames } from "../../../src/effects/dhcp/domain_names.ts";
import {
  decodeMessage,
  type DhcpMessage,
  encodeMessage,
  ipv4Bytes,
  NO_ADDRESS,
  u32Bytes,
} from "../../../src/effects/dhcp/message.ts";
import { OPTION } from "../../../src/spec/dhcp_option.ts";
import { termsOf } from "../../../src/effects/dhcp/terms.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => new TextEncoder().encode(value);

const discover: DhcpMessage = {
  isReply: false,
  xid: 0x1234_5678,
  secs: 3,
  flags: 0x8000,
  ciaddr: NO_ADDRESS,
  yiaddr: NO_ADDRESS,
  chaddr: "02:00:00:00:00:01",
  options: new Map([[OPTION.CLIENT_ID, bytes(0, 99, 49)], [OPTION.MESSAGE_TYPE, bytes(1)]]),
};

/** An ACK with these options beside a mask and the server's name. */
const ack = (options: Iterable<readonly [number, Uint8Array]>, yiaddr = "192.0.2.5"): DhcpMessage => ({
  ...discover,
  isReply: true,
  yiaddr,
  options: new Map([
    [OPTION.SUBNET_MASK, bytes(255, 255, 255, 0)],
    [OPTION.SERVER_ID, bytes(192, 0, 2, 1)],
    ...options,
  ]),
});

const granted = (options: Iterable<readonly [number, Uint8Array]>, priority = 0) => {
  const terms = termsOf(ack(options), "02:00:00:00:00:02", 1_000_000, priority);
  assert.ok(typeof terms !== "string", `refused: ${terms}`);
  return terms;
};

Deno.test("a message has the fields of RFC 2131 at their places, 300 bytes at least, options in ascending order", () => {
  const written = encodeMessage(discover);
  assert.equal(written.length, 300);
  assert.equal(written.subarray(0, 12).toHex(), "010106001234567800038000");
  assert.equal(written.subarray(28, 34).toHex(), "020000000001");
  assert.equal(written.subarray(236, 249).toHex(), "6382536335010" + "13d03006331ff");
  assert.ok(written.subarray(249).every((byte) => byte === 0));
});

Deno.test("a message is read as it was written, values of more than 255 bytes included", () => {
  const long = Uint8Array.from({ length: 700 }, (_, at) => at % 256);
  const message = { ...discover, options: new Map([...discover.options, [OPTION.VENDOR_CLASS, long], [80, bytes()]]) };
  assert.deepEqual(decodeMessage(encodeMessage(message)), {
    ...message,
    options: new Map([...message.options].sort(([a], [b]) => a - b)),
  });
});

Deno.test("options go on in the fields for the file and the server's name where option 52 says so", () => {
  const written = encodeMessage({ ...discover, options: new Map([[OPTION.OVERLOAD, bytes(3)]]) });
  written.set([12, 2, 97, 98, 255], 108);
  written.set([15, 1, 99, 0, 12, 1, 100, 255], 44);
  const options = decodeMessage(written)?.options;
  assert.deepEqual(options?.get(12), text("abd"));
  assert.deepEqual(options?.get(15), text("c"));
});

Deno.test.each<[string, (message: Uint8Array) => Uint8Array]>([
  ["a wrong magic", (message) => message.fill(0, 236, 240)],
  ["no end of the options", (message) => message.fill(0, 240)],
  ["an option that is longer than the message", (message) => message.fill(200, 240)],
  ["another hardware", (message) => message.fill(6, 1, 2)],
  ["an operation that is none", (message) => message.fill(3, 0, 1)],
  ["an overloaded field without an end", (message) => {
    message.set([52, 1, 1, 255], 240);
    return message;
  }],
  ["a cut", (message) => message.subarray(0, 239)],
])("what is no message is none: %s", (_, spoil) => {
  assert.equal(decodeMessage(spoil(encodeMessage(discover))), null);
});

/** The sum of all 16-bit words, folded: 0xffff where a checksum within is right. */
const folded = (...parts: Uint8Array[]): number => {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) + (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
};

Deno.test("a datagram has right checksums and is read as it was written", () => {
  for (const length of [0, 1, 300, 301]) {
    const datagram = {
      from: "192.0.2.5",
      fromPort: 68,
      to: "255.255.255.255",
      toPort: 67,
      payload: Uint8Array.from({ length }, (_, at) => at * 7),
    };
    const packet = encodeDatagram(datagram);
    assert.equal(folded(packet.subarray(0, 20)), 0xffff);
    const pseudo = bytes(0, 17, (length + 8) >> 8, length + 8);
    assert.equal(folded(packet.subarray(12, 20), pseudo, packet.subarray(20)), 0xffff);
    assert.deepEqual(decodeDatagram(packet), datagram);
    packet.fill(0, 26, 28);
    assert.deepEqual(decodeDatagram(packet)?.payload, datagram.payload, "an incomplete checksum of UDP does no harm");
    assert.equal(decodeDatagram(packet.subarray(0, -1)), null);
    packet[9] = 6;
    assert.equal(decodeDatagram(packet), null);
    packet.set([17], 9);
    packet.set([0x20], 6);
    assert.equal(decodeDatagram(packet), null, "a fragment");
  }
});

Deno.test("an ACK's mask, router and times become terms; T1 and T2 have defaults", () => {
  assert.deepEqual(granted([[OPTION.ROUTERS, bytes(192, 0, 2, 1, 192, 0, 2, 9)], [OPTION.LEASE_TIME, u32Bytes(100)]]), {
    address: "192.0.2.5/24",
    gateway: "192.0.2.1",
    routes: [{ dst: "0.0.0.0/0", gw: "192.0.2.1" }],
    server: "192.0.2.1",
    serverMac: "02:00:00:00:00:02",
    since: 1_000_000,
    renewAt: 1_050_000,
    rebindAt: 1_085_000,
    expiresAt: 1_100_000,
  });
  const { renewAt, expiresAt, routes } = granted([]);
  assert.deepEqual([renewAt, expiresAt, routes], [2_800_000, 4_600_000, []], "an hour where the server does not say");
});

Deno.test("T1 and T2 that the server tells count in their order only, and a lease may have no end", () => {
  const times = (lease: number, t1: number, t2: number) => {
    const told = [[OPTION.LEASE_TIME, lease], [OPTION.RENEWAL_TIME, t1], [OPTION.REBINDING_TIME, t2]] as const;
    const { renewAt, rebindAt, expiresAt } = granted(told.map(([code, value]) => [code, u32Bytes(value)] as const));
    return [renewAt, rebindAt, expiresAt].map((at) => at === null ? null : (at - 1_000_000) / 1000);
  };
  assert.deepEqual(times(100, 10, 20), [10, 20, 100]);
  assert.deepEqual(times(100, 30, 20), [50, 85, 100]);
  assert.deepEqual(times(100, 30, 200), [50, 85, 100]);
  assert.deepEqual(times(100, 0, 20), [50, 85, 100], "a renewal at once would be one without end");
  assert.deepEqual(times(0xffff_ffff, 30, 200), [null, null, null]);
});

Deno.test("[DH5] option 33 gives routes by the class of their destination, before the default route", () => {
  const routes = bytes(10, 0, 0, 0, 192, 168, 1, 23, 192, 168, 2, 0, 192, 168, 1, 53);
  assert.deepEqual(granted([[OPTION.STATIC_ROUTES, routes], [OPTION.ROUTERS, bytes(192, 0, 2, 1)]]).routes, [
    { dst: "10.0.0.0/8", gw: "192.168.1.23" },
    { dst: "192.168.2.0/24", gw: "192.168.1.53" },
    { dst: "0.0.0.0/0", gw: "192.0.2.1" },
  ]);
});

Deno.test("a destination of option 33 with bits behind its class is a host, which the kernel takes", () => {
  const routes = bytes(10, 0, 0, 1, 192, 0, 2, 1, 172, 16, 0, 0, 192, 0, 2, 1);
  assert.deepEqual(granted([[OPTION.STATIC_ROUTES, routes]]).routes, [
    { dst: "10.0.0.1/32", gw: "192.0.2.1" },
    { dst: "172.16.0.0/16", gw: "192.0.2.1" },
  ]);
});

Deno.test("option 121 replaces options 33 and 3 for routes, and a router of zero is the link itself", () => {
  const classless = bytes(0, 192, 0, 2, 1, 24, 198, 51, 100, 0, 0, 0, 0, 12, 172, 31, 192, 0, 2, 2);
  const options = [[OPTION.CLASSLESS_ROUTES, classless], [OPTION.ROUTERS, bytes(192, 0, 2, 9)]] as const;
  const { routes, gateway } = granted(options, 50);
  assert.equal(gateway, "192.0.2.9");
  assert.deepEqual(routes, [
    { dst: "0.0.0.0/0", gw: "192.0.2.1", priority: 50 },
    { dst: "198.51.100.0/24", scope: 253, priority: 50 },
    { dst: "172.16.0.0/12", gw: "192.0.2.2", priority: 50 },
  ]);
});

Deno.test("a router of zero is none, and the next one counts", () => {
  const told = (...routers: number[]) => granted([[OPTION.ROUTERS, bytes(...routers)]]);
  assert.deepEqual([told(0, 0, 0, 0).gateway, told(0, 0, 0, 0).routes], [undefined, []]);
  assert.equal(told(0, 0, 0, 0, 192, 0, 2, 9).gateway, "192.0.2.9");
});

Deno.test.each([[bytes(33, 10, 0, 0, 0, 1, 192, 0, 2, 1)], [bytes(24, 10, 0)], [bytes()]])(
  "a malformed option 121 counts as absent (%s)",
  (classless) => {
    const { routes } = granted([[OPTION.CLASSLESS_ROUTES, classless], [OPTION.ROUTERS, bytes(192, 0, 2, 9)]]);
    assert.deepEqual(routes, [{ dst: "0.0.0.0/0", gw: "192.0.2.9" }]);
  },
);

Deno.test("name servers, the domain and the search list become dns; a domain with odd characters does not", () => {
  const search = bytes(1, 97, 2, 105, 111, 0, 1, 98, 0xc0, 2);
  assert.deepEqual(
    granted([
      [OPTION.NAME_SERVERS, bytes(192, 0, 2, 53, 192, 0, 2, 54)],
      [OPTION.DOMAIN_NAME, text("lab.example\0")],
      [OPTION.DOMAIN_SEARCH, search],
    ]).dns,
    { nameservers: ["192.0.2.53", "192.0.2.54"], domain: "lab.example", search: ["a.io", "b.io"] },
  );
  assert.equal(
    granted([[OPTION.DOMAIN_NAME, text("lab\noptions evil")], [OPTION.NAME_SERVERS, bytes(1)]]).dns,
    undefined,
  );
});

Deno.test.each([
  ["round in a circle", bytes(1, 97, 0xc0, 0)],
  ["forwards", bytes(0xc0, 2, 0)],
  ["a cut label", bytes(5, 97)],
  ["no end", bytes(1, 97)],
  ["a label with a space", bytes(1, 32, 0)],
])("a list of names that is none is passed over: %s", (_, value) => {
  assert.equal(domainNames(value), null);
});

Deno.test.each<[string, [number, Uint8Array][], string]>([
  ["option 1", [[OPTION.SUBNET_MASK, bytes(255, 0, 255, 0)]], "192.0.2.5"],
  ["option 54", [[OPTION.SERVER_ID, bytes(1, 2)]], "192.0.2.5"],
  ["option 1", [[OPTION.SUBNET_MASK, bytes(0, 0, 0, 0)]], "192.0.2.5"],
  ["option 51", [[OPTION.LEASE_TIME, u32Bytes(0)]], "192.0.2.5"],
  ["no address", [], NO_ADDRESS],
  ["127.0.0.1, which no link can have", [], "127.0.0.1"],
  ["224.0.0.1, which no link can have", [], "224.0.0.1"],
])("an ACK without what an address needs is refused, and what is missing is named: %s", (what, options, yiaddr) => {
  const said = termsOf(ack(options, yiaddr), "02:00:00:00:00:02", 0, 0);
  assert.ok(typeof said === "string" && said.includes(what), JSON.stringify(said));
});

Deno.test("addresses are four bytes, and read back as text", () => {
  assert.deepEqual(ipv4Bytes("192.0.2.255"), bytes(192, 0, 2, 255));
});
