/**
 * Results of any version into the one shape we hold inside.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { family } from "./cidr.ts";
import { quote } from "./conf_fault.ts";
import { CniCode, Refused } from "./failure.ts";
import { member } from "./fold_keys.ts";
import type { Json } from "./json.ts";
import type { CniResult, Dns, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { familyOfVersion, IP4_IP6, type ResultFamily } from "./result_families.ts";
import * as Read from "./result_reader.ts";
import { DEFAULT_VERSION } from "./released_versions.ts";

/** A key where its value says something: empty texts, lists and zeros count as absent. */
const some = <K extends string, V extends string | number | readonly unknown[]>(key: K, value: V | undefined) =>
  (value === undefined || value === 0 || value === "" || (Array.isArray(value) && value.length === 0)
    ? {}
    : { [key]: value }) as { readonly [P in K]?: V };

/** A key where its value is there, be it 0. */
const given = <K extends string>(key: K, value: number | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: number };

const readInterface = (node: Read.Node): ResultInterface => ({
  name: Read.text(node, "name"),
  ...some("mac", Read.text(node, "mac")),
  ...some("mtu", Read.integer(node, "mtu")),
  ...some("sandbox", Read.text(node, "sandbox")),
  ...some("socketPath", Read.text(node, "socketPath")),
  ...some("pciID", Read.text(node, "pciID")),
});

const readIp = (node: Read.Node): ResultIp => ({
  address: Read.prefix(node, "address"),
  ...some("gateway", Read.address(node, "gateway")),
  ...given("interface", Read.integer(node, "interface")),
});

const readRoute = (node: Read.Node): ResultRoute => ({
  dst: Read.prefix(node, "dst"),
  ...some("gw", Read.address(node, "gw")),
  ...some("mtu", Read.integer(node, "mtu")),
  ...some("advmss", Read.integer(node, "advmss")),
  ...some("priority", Read.integer(node, "priority")),
  ...given("table", Read.integer(node, "table")),
  ...given("scope", Read.integer(node, "scope")),
});

/** The `dns` key of a result; nothing when it says nothing. */
function readDns(node: Read.Node): { readonly dns?: Dns } {
  const found = Read.child(node, "dns");
  if (found === null) return {};
  const dns: Dns = {
    ...some("nameservers", Read.texts(found, "nameservers")),
    ...some("domain", Read.text(found, "domain")),
    ...some("search", Read.texts(found, "search")),
    ...some("options", Read.texts(found, "options")),
  };
  return Object.keys(dns).length === 0 ? {} : { dns };
}

/** `ip4` or `ip6`: one address of that family, with its gateway and routes. */
function readLegacyIp(node: Read.Node, key: "ip4" | "ip6"): readonly [readonly ResultIp[], readonly ResultRoute[]] {
  const found = Read.child(node, key);
  if (found === null) return [[], []];
  const address = Read.prefix(found, "ip");
  if (`ip${family(address)}` !== key) {
    const rule = `an IPv${key.slice(2)} address`;
    throw new Refused({
      code: CniCode.INVALID_NETWORK_CONFIG,
      msg: `Cannot use the result: "${key}.ip": "${address}" is not ${rule}`,
    });
  }
  return [
    [{ address, ...some("gateway", Read.address(found, "gateway")) }],
    Read.children(found, "routes").map(readRoute),
  ];
}

function readLegacy(node: Read.Node, cniVersion: string): CniResult {
  const [ip4, routes4] = readLegacyIp(node, "ip4");
  const [ip6, routes6] = readLegacyIp(node, "ip6");
  return {
    cniVersion,
    ...some("ips", [...ip4, ...ip6]),
    ...some("routes", [...routes4, ...routes6]),
    ...readDns(node),
  };
}

const readModern = (node: Read.Node, cniVersion: string): CniResult => ({
  cniVersion,
  ...some("interfaces", Read.children(node, "interfaces").map(readInterface)),
  ...some("ips", Read.children(node, "ips").map(readIp)),
  ...some("routes", Read.children(node, "routes").map(readRoute)),
  ...readDns(node),
});

const badVersion = (version: string, rule: string): Refused =>
  new Refused({
    code: CniCode.DECODING_FAILURE,
    msg: `Cannot use the result: "cniVersion": ${quote(version)} is not ${rule}`,
  });

function familyOf(version: string): ResultFamily {
  const found = familyOfVersion(version);
  if (found === null) throw badVersion(version, "a supported result version");
  return found;
}

const readAs = (node: Read.Node, cniVersion: string): CniResult =>
  familyOf(cniVersion) === IP4_IP6 ? readLegacy(node, cniVersion) : readModern(node, cniVersion);

/**
 * Reads what a plugin printed, or a cached result. Its own `cniVersion` tells the shape; where that is absent, empty or
 * no text, `versionHint` does (the config's version; empty means 0.1.0). Addresses come out canonical; unknown members
 * are dropped. Refused, naming the place: code 6 for wrong JSON types and unknown versions, code 7 for addresses that are
 * missing or none.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { parseResult } from "./parse_result.ts";
 * const result = Effect.runSync(parseResult({ ip4: { ip: "10.1.0.2/16" } }, "0.2.0"));
 * if (result.ips?.[0]?.address !== "10.1.0.2/16") throw new Error("ip4 becomes the first of ips");
 * ```
 */
export const parseResult = (raw: Json, versionHint: string): Effect.Effect<CniResult, Refused> =>
  Read.readResult(() => {
    const node = Read.nodeOf(raw ?? {}, "");
    const own = member(node.object, "cniVersion");
    return readAs(node, (typeof own === "string" ? own : "") || versionHint || DEFAULT_VERSION);
  });

/**
 * Reads the `prevResult` of a request config. The config's version tells the shape: a result of another shape is refused
 * (code 6), one of another version of the same shape is not. An absent `cniVersion` is the config's; an empty one is
 * refused where results must have one, from 0.3.0 on.
 */
export const parsePrevResult = (raw: Json, configVersion: string): Effect.Effect<CniResult, Refused> =>
  Read.readResult(() => {
    const node = Read.nodeOf(raw ?? {}, "prevResult");
    const asked = configVersion || DEFAULT_VERSION;
    const accepted = familyOf(asked);
    const own = member(node.object, "cniVersion") === undefined ? asked : Read.text(node, "cniVersion");
    if (own === "" && accepted === IP4_IP6) return readAs(node, DEFAULT_VERSION);
    if (!accepted.includes(own)) {
      throw badVersion(own, `one of ${accepted.join(", ")}, as the configuration is ${asked}`);
    }
    return readAs(node, own);
  });
