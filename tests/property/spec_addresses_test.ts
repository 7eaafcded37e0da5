import assert from "node:assert/strict";
import * as Cidr from "../../src/spec/cidr.ts";
import { macBytes, macFromBytes, parseMac } from "../../src/spec/mac.ts";
import { forSeeds, type Random } from "./spec_random.ts";

/** An address that is not IPv4-mapped: those are IPv4 by definition. */
const anyIp = ({ pick, bits }: Random): Cidr.Ip => {
  const family = pick([4, 6] as const);
  const value = bits(Cidr.bitsOf(family));
  return family === 6 && value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family, value };
};

const anyCidr = (random: Random): Cidr.Cidr => {
  const ip = anyIp(random);
  return { ip, prefix: random.below(Cidr.bitsOf(ip.family) + 1) };
};

Deno.test("addresses survive text and bytes", () => {
  forSeeds(1_000, (random) => {
    const ip = anyIp(random);
    assert.deepEqual(Cidr.parseIp(Cidr.formatIp(ip)), ip);
    assert.deepEqual(Cidr.ipFromBytes(Cidr.ipBytes(ip)), ip);
    const cidr = anyCidr(random);
    assert.deepEqual(Cidr.parseCidr(Cidr.formatCidr(cidr)), cidr);
  });
});

Deno.test("a mapped address and its prefix are the IPv4 ones", () => {
  forSeeds(500, (random) => {
    const value = random.bits(32), prefix = random.below(33);
    const ip: Cidr.Ip = { family: 4, value };
    const text = Cidr.formatIp(ip);
    assert.deepEqual(Cidr.parseIp(`::ffff:${text}`), ip);
    assert.deepEqual(Cidr.parseCidr(`::ffff:${text}/${prefix + 96}`), { ip, prefix });
  });
});

/** How URLs write an IPv6 address, an independent reading of the same grammar; null where they refuse it. */
const byUrl = (text: string): string | null => URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1) ?? null;

Deno.test("IPv6 texts are accepted and compressed exactly as URLs do", () => {
  let accepted = 0;
  forSeeds(3_000, (random) => {
    const groups = random.list(9, () => random.pick(["0", "0", "1", "Ff", "abcd", "0db8", "12345", "", "10.0.0.1"]));
    const text = random.pick(["", "", ":", "::"]) + groups.join(random.pick([":", ":", ":", "::"]));
    if (!text.includes(":")) return;
    const ip = Cidr.parseIp(text);
    const expected = byUrl(text);
    assert.equal(ip === null, expected === null, text);
    if (ip?.family === 6) assert.equal(Cidr.formatIp(ip), expected, text);
    if (ip !== null) accepted++;
  });
  assert(accepted > 200, `only ${accepted} texts were addresses`);
});

Deno.test("a subnet contains exactly the addresses that share its prefix", () => {
  forSeeds(1_000, (random) => {
    const cidr = anyCidr(random), other = anyIp(random);
    const host = BigInt(Cidr.bitsOf(cidr.ip.family) - cidr.prefix);
    const shares = other.family === cidr.ip.family && other.value >> host === cidr.ip.value >> host;
    assert.equal(Cidr.contains(cidr, other), shares);
    for (const inside of [cidr.ip, Cidr.networkOf(cidr).ip, Cidr.firstHost(cidr), Cidr.lastHost(cidr)]) {
      assert(Cidr.contains(cidr, inside), `${Cidr.formatCidr(cidr)} ${Cidr.formatIp(inside)}`);
    }
    const after = Cidr.next(Cidr.lastAddress(cidr));
    assert(after === null || !Cidr.contains(cidr, after));
    const before = Cidr.previous(Cidr.networkOf(cidr).ip);
    assert(before === null || !Cidr.contains(cidr, before));
  });
});

Deno.test("next and previous undo each other and agree with the order", () => {
  forSeeds(500, (random) => {
    const ip = anyIp(random), after = Cidr.next(ip);
    if (after === null) return;
    assert.deepEqual(Cidr.previous(after), ip);
    assert.equal(Cidr.compareIp(ip, after), -1);
    assert.equal(Cidr.compareIp(after, ip), 1);
    assert.equal(Cidr.compareIp(ip, { ...ip }), 0);
  });
});

Deno.test("Ethernet addresses survive bytes and every way to write them", () => {
  forSeeds(300, (random) => {
    const bytes = Uint8Array.from({ length: 6 }, () => random.below(256));
    const text = macFromBytes(bytes);
    assert.deepEqual(macBytes(text), bytes);
    assert.equal(parseMac(text.toUpperCase().replaceAll(":", "-")), text);
    const dotted = text.replaceAll(":", "").match(/.{4}/g)?.join(".") ?? "";
    assert.equal(parseMac(dotted), text);
  });
});
