import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Schema from "effect/Schema";
import { parseArgs } from "../../src/spec/args.ts";
import { parseCidr, parseIp } from "../../src/spec/cidr.ts";
import * as Piece from "../../src/spec/config_schema.ts";
import { decodeConfig } from "../../src/spec/decode_config.ts";
import { COMMANDS, readEnvironment } from "../../src/spec/environment.ts";
import { Refused } from "../../src/spec/failure.ts";
import { isJsonObject, type Json } from "../../src/spec/json.ts";
import { parseMac } from "../../src/spec/mac.ts";
import { checkIfName } from "../../src/spec/names.ts";
import { networkListOf, parseNetworkList } from "../../src/spec/network_list.ts";
import { parsePrevResult, parseResult } from "../../src/spec/parse_result.ts";
import { printResult } from "../../src/spec/render_result.ts";
import { checkVersion, parseRequestConfig } from "../../src/spec/request_config.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { parseVersion, selectVersion } from "../../src/spec/version.ts";
import { forSeeds, type Random } from "./spec_random.ts";

/** Every key the room reads, in spellings of its own, and some that are traps. */
const KEYS = [
  ..."name Name cniVersion cniVersions plugins type TYPE capabilities ipam dns prevResult runtimeConfig args interfaces"
    .split(" "),
  ..."ips routes address gateway interface dst gw mtu ip4 ip6 ip nameservers search subnet ranges rangeStart vlan"
    .split(" "),
  "disableCheck",
  "cni.dev/valid-attachments",
  "__proto__",
  "constructor",
  "toString",
  "",
] as const;

const TEXTS = [
  ...["", "lab", "1.1.0", "0.2.0", "0.4.0", "9", "10.1.0.2/16", "10.1.0.1", "fd00::1/64", "::ffff:1.2.3.4/97", "true"],
  ...["::", "eth0", "../x", "\ud800", "a\0b", "10.1.0.0/33", "x".repeat(300)],
] as const;

const nonEmpty = <A>(items: readonly A[]): readonly [A, ...A[]] => {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error("an empty alphabet");
  return [first, ...rest];
};

function anyJson(random: Random, depth: number): Json {
  const kind = random.below(depth === 0 ? 4 : 8);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return random.pick([0, -1, 1.5, 1e300, 2 ** 53, 7]);
  if (kind <= 3) return random.pick(nonEmpty(TEXTS));
  if (kind === 4) return random.list(3, () => anyJson(random, depth - 1));
  return Object.fromEntries(random.list(6, () => [random.pick(nonEmpty(KEYS)), anyJson(random, depth - 1)] as const));
}

/** Mostly a result: any part may be anything instead. */
function almostResult(random: Random): Json {
  const or = (value: Json): Json => random.below(12) === 0 ? anyJson(random, 2) : value;
  const address = () => or(random.pick(["10.1.0.2/16", "fd00::1/64", "::ffff:1.2.3.4/97", "0.0.0.0/0"]));
  const gateway = () => or(random.pick(["", "10.1.0.1", "fd00::1"]));
  const routes = () => or(random.list(2, () => or({ dst: address(), gw: gateway(), mtu: or(1400) })));
  return {
    cniVersion: or(random.pick(VERSIONS)),
    interfaces: or(random.list(2, () => or({ name: or("eth0"), mac: or("") }))),
    ips: or(random.list(2, () => or({ address: address(), Gateway: gateway(), interface: or(0) }))),
    ip4: or({ ip: or("10.1.0.2/16"), gateway: gateway(), routes: routes() }),
    routes: routes(),
    dns: or({ search: or(["lab.test"]) }),
  };
}

const Conf = Schema.Struct({
  vlan: Piece.intOr(0, 0, 4094),
  ipam: Schema.optionalKey(Schema.Struct({
    subnet: Piece.OptionalCidr,
    ranges: Piece.listOf(Piece.RangeSetConfig),
    routes: Piece.listOf(Piece.RouteConfig),
  })),
  dns: Schema.optionalKey(Piece.DnsConfig),
  mac: Piece.OptionalMac,
  args: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
});

/** Succeeds or is refused with a code and a sentence; never dies. */
function settles<A>(effect: Effect.Effect<A, Refused>): A | null {
  const exit = Effect.runSyncExit(effect);
  if (Exit.isSuccess(exit)) return exit.value;
  for (const reason of exit.cause.reasons) {
    assert(reason._tag === "Fail", String(exit.cause));
    assert(reason.error instanceof Refused && reason.error.code > 0);
    assert.match(reason.error.msg, /^Cannot /);
  }
  return null;
}

Deno.test("no JSON makes the readers of configurations and results throw", () => {
  let results = 0;
  forSeeds(5_000, (random) => {
    const value = anyJson(random, 4);
    const text = JSON.stringify(value);
    const version = random.pick(VERSIONS);
    settles(parseRequestConfig(text, random.pick(COMMANDS)));
    settles(networkListOf(value, text, "x"));
    settles(parsePrevResult(value, version));
    settles(selectVersion(value, [value]));
    if (isJsonObject(value)) settles(decodeConfig(Conf, value));
    const result = settles(parseResult(almostResult(random), version));
    settles(parseResult(value, version));
    if (result !== null) settles(printResult(result, random.pick(VERSIONS)));
    if (result?.ips !== undefined) results++;
  });
  assert(results > 500, `only ${results} results had addresses`);
});

Deno.test("no text makes the readers of texts throw", () => {
  const pieces = nonEmpty([...'0123456789abcdefABCDEF.:/-=;%{}[]",\\ \n\0', "::", "10.", "ffff", "/64", "€", "\ud800"]);
  forSeeds(5_000, (random) => {
    const text = random.text(24, pieces);
    parseIp(text);
    parseCidr(text);
    parseMac(text);
    parseVersion(text);
    checkIfName(text);
    checkVersion(random.pick(COMMANDS), text, [text]);
    settles(parseArgs(text));
    settles(parseNetworkList(text, text));
    settles(parseRequestConfig(text, "ADD"));
    settles(
      readEnvironment({ CNI_COMMAND: random.pick([...COMMANDS, text]), CNI_CONTAINERID: text, CNI_IFNAME: text }),
    );
  });
});
