import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { conditionSyntax, translateConditions } from "../../../src/plugins/portmap_conditions.ts";

type Key = Parameters<typeof translateConditions>[0];

const translate = (tokens: string[], key: Key = "conditionsV4") => Effect.runSync(translateConditions(key, tokens));
const refusal = (tokens: string[], key: Key = "conditionsV4") =>
  Effect.runSync(Effect.flip(translateConditions(key, tokens)));

const SADDR4 = { expr: "payload", base: "network", offset: 12, length: 4, to: 1 };
const DADDR4 = { expr: "payload", base: "network", offset: 16, length: 4, to: 1 };

Deno.test("an address without prefix is compared whole, without a mask", () => {
  assert.deepEqual(translate(["-s", "10.1.2.3"]), [
    SADDR4,
    { expr: "cmp", is: "==", from: 1, bytes: "0a010203" },
  ]);
});

Deno.test("a prefix masks the address, and host bits of what was written do not matter", () => {
  const masked = [
    DADDR4,
    { expr: "bitwise", from: 1, to: 1, mask: "fffff000" },
    { expr: "cmp", is: "!=", from: 1, bytes: "0a011000" },
  ];
  assert.deepEqual(translate(["!", "-d", "10.1.16.0/20"]), masked);
  assert.deepEqual(translate(["!", "-d", "10.1.31.255/20"]), masked);
});

Deno.test("an IPv6 address lies 8 and 24 bytes into the header", () => {
  assert.deepEqual(translate(["ip6", "saddr", "fd00::/8"], "conditionsV6"), [
    { expr: "payload", base: "network", offset: 8, length: 16, to: 1 },
    { expr: "bitwise", from: 1, to: 1, mask: "ff" + "00".repeat(15) },
    { expr: "cmp", is: "==", from: 1, bytes: "fd" + "00".repeat(15) },
  ]);
  assert.deepEqual(translate(["-d", "fd00::1"], "conditionsV6"), [
    { expr: "payload", base: "network", offset: 24, length: 16, to: 1 },
    { expr: "cmp", is: "==", from: 1, bytes: "fd" + "00".repeat(14) + "01" },
  ]);
});

Deno.test("an interface name is compared whole, a wildcard only up to it", () => {
  const load = { expr: "meta", key: "iifname", to: 1 };
  const whole = { expr: "cmp", is: "==", from: 1, bytes: "65746830" + "00".repeat(12) };
  assert.deepEqual(translate(["-i", "eth0"]), [load, whole]);
  assert.deepEqual(translate(["-i", "eth+"]), [load, { ...whole, bytes: "657468" }]);
  assert.deepEqual(translate(["iifname", '"eth*"']), [load, { ...whole, bytes: "657468" }]);
});

Deno.test("both syntaxes of one condition mean the same", () => {
  const pairs: readonly (readonly [string[], string[]])[] = [
    [["-s", "10.0.0.0/8"], ["ip", "saddr", "10.0.0.0/8"]],
    [["--source", "10.0.0.0/8"], ["ip saddr == 10.0.0.0/8"]],
    [["--src=10.0.0.0/8"], ["ip", "saddr", "10.0.0.0/8"]],
    [["!", "--dst", "10.0.0.1"], ["ip", "daddr", "!=", "10.0.0.1"]],
    [["!", "--destination=10.0.0.1"], ["ip daddr != 10.0.0.1/32"]],
    [["-i", "eth0"], ["meta", "iifname", "eth0"]],
    [["!", "--in-interface", "eth0"], ["iifname", "!=", '"eth0"']],
    [["-s", "10.0.0.0/8", "!", "-i", "lo"], ["ip saddr 10.0.0.0/8", "iifname != lo"]],
  ];
  for (const [iptables, nft] of pairs) {
    assert.equal(conditionSyntax(iptables), "iptables");
    assert.equal(conditionSyntax(nft), "nftables");
    assert.ok(translate(iptables).length > 0);
    assert.deepEqual(translate(iptables), translate(nft), nft.join(" "));
  }
});

Deno.test("an iptables comment says nothing about packets, whatever is in it", () => {
  const comment = ["-m", "comment", "--comment", "-p is not an option here"];
  assert.deepEqual(translate([...comment, "-s", "10.0.0.1"]), translate(["-s", "10.0.0.1"]));
});

Deno.test("a mark is compared in the byte order of the host", () => {
  const load = { expr: "meta", key: "mark", to: 1 };
  const cmp = { expr: "cmp", from: 1 };
  assert.deepEqual(translate(["meta", "mark", "0x2000"]), [load, { ...cmp, is: "==", bytes: "00200000" }]);
  assert.deepEqual(translate(["meta mark != 4294967295"]), [load, { ...cmp, is: "!=", bytes: "ffffffff" }]);
});

Deno.test("what is not covered is refused, naming the key, the token and what is supported", () => {
  const cases: readonly (readonly [Key, string[], RegExp])[] = [
    ["conditionsV4", ["-p", "tcp"], /"-p" is not supported/],
    ["conditionsV4", ["-m", "set", "--match-set", "x", "src"], /"-m set" is not supported/],
    ["conditionsV4", ["!"], /"!" is not supported/],
    ["conditionsV4", ["-s"], /has no address/],
    ["conditionsV4", ["-i"], /has no name/],
    ["conditionsV4", ["-s", "10.0.0.1,10.0.0.2"], /"10\.0\.0\.1,10\.0\.0\.2" is not one IPv4/],
    ["conditionsV4", ["-s", "fd00::1"], /"fd00::1" is not one IPv4/],
    ["conditionsV6", ["-s", "10.0.0.1"], /"10\.0\.0\.1" is not one IPv6/],
    ["conditionsV4", ["-i", "+"], /"\+" is not an interface name/],
    ["conditionsV4", ["-i", "a-name-too-long-for-linux"], /is not an interface name of 1 to 15 bytes/],
    ["conditionsV4", ["ip6", "saddr", "fd00::1"], /"ip6 saddr" is not supported for IPv4/],
    ["conditionsV6", ["ip", "saddr", "10.0.0.1"], /"ip saddr" is not supported for IPv6/],
    ["conditionsV4", ["tcp", "dport", "80"], /"tcp" is not supported/],
    ["conditionsV4", ["ip", "ttl", "1"], /"ip ttl" is not supported/],
    ["conditionsV4", ["meta", "skuid", "0"], /"meta skuid" is not supported/],
    ["conditionsV4", ["meta", "mark", "0x100000000"], /is not a mark/],
    ["conditionsV4", ["meta", "mark", "{", "1", "}"], /"\{" is not a mark/],
    ["conditionsV4", ["constructor"], /"constructor" is not supported/],
  ];
  for (const [key, tokens, pattern] of cases) {
    const refused = refusal(tokens, key);
    assert.equal(refused.code, 7);
    assert.match(refused.msg, pattern);
    assert.ok(refused.msg.startsWith(`Cannot use "${key}": `), refused.msg);
    assert.match(refused.details ?? "", /iptables: .* nft: /);
  }
});
