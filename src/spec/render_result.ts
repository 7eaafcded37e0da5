/**
 * Results out of the shape we hold inside, in the version that was asked for.
 *
 * What older versions cannot say is lost: 0.3.0 to 0.4.0 have no MTU, socket path and PCI id of interfaces; 0.1.0 and
 * 0.2.0 have no interfaces, one address per family, no routes without an address of their family, and of routes only
 * `dst` and `gw`.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { family } from "./cidr.ts";
import { quote } from "./conf_fault.ts";
import { CniCode, Refused } from "./failure.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { CniResult, Dns, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { familyOfVersion, IP4_IP6, IPS } from "./result_families.ts";
import { DEFAULT_VERSION } from "./released_versions.ts";

const saysNothing = (value: Json | undefined): boolean =>
  value === undefined || value === 0 || value === "" || (Array.isArray(value) && value.length === 0);

/** Without the keys that say nothing: `optional` ones that are empty or zero, and any that is undefined. */
const compact = (optional: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(optional).filter((entry): entry is [string, Json] => !saysNothing(entry[1])),
  );

/** `key` with its value where it is set, be it 0. */
const given = (key: string, value: number | undefined): JsonObject => value === undefined ? {} : { [key]: value };

const renderDns = (dns: Dns): JsonObject =>
  compact({ nameservers: dns.nameservers, domain: dns.domain, search: dns.search, options: dns.options });

const renderInterface = ({ name, mac, mtu, sandbox, socketPath, pciID }: ResultInterface): JsonObject => ({
  name,
  ...compact({ mac, mtu, sandbox, socketPath, pciID }),
});

/** As 0.3.0 to 0.4.0 have it. */
const renderOldInterface = ({ name, mac, sandbox }: ResultInterface): JsonObject => ({
  name,
  ...compact({ mac, sandbox }),
});

const renderIp = (ip: ResultIp): JsonObject => ({
  ...given("interface", ip.interface),
  address: ip.address,
  ...compact({ gateway: ip.gateway }),
});

/** As 0.3.0 to 0.4.0 have it: the version is that of the address. */
const renderVersionedIp = (ip: ResultIp): JsonObject => ({ version: String(family(ip.address)), ...renderIp(ip) });

const renderRoute = ({ dst, gw, mtu, advmss, priority, table, scope }: ResultRoute): JsonObject => ({
  dst,
  ...compact({ gw, mtu, advmss, priority }),
  ...given("table", table),
  ...given("scope", scope),
});

/** As 0.1.0 and 0.2.0 have it: the first address of the family, and the routes to destinations of the family. */
function renderLegacyIp({ ips = [], routes = [] }: CniResult, wanted: 4 | 6): JsonObject {
  const ip = ips.find(({ address }) => family(address) === wanted);
  if (ip === undefined) return {};
  const own = routes.filter(({ dst }) => family(dst) === wanted).map(({ dst, gw }) => ({ dst, ...compact({ gw }) }));
  return { [`ip${wanted}`]: { ip: ip.address, ...compact({ gateway: ip.gateway, routes: own }) } };
}

function renderLegacy(result: CniResult, cniVersion: string): Effect.Effect<JsonObject, Refused> {
  const addresses = { ...renderLegacyIp(result, 4), ...renderLegacyIp(result, 6) };
  // A result that came in such a version says all it said; only in another one would something be lost.
  if (Object.keys(addresses).length > 0 || familyOfVersion(result.cniVersion) === IP4_IP6) {
    return Effect.succeed({ cniVersion, ...addresses, dns: renderDns(result.dns ?? {}) });
  }
  return Effect.fail(
    new Refused({
      code: CniCode.INCOMPATIBLE_VERSION,
      msg: `Cannot give the result as version "${cniVersion}": it has no IP address`,
      details: "results without addresses need cniVersion 0.3.0 or later",
    }),
  );
}

function renderModern(result: CniResult, cniVersion: string, current: boolean): JsonObject {
  const dns = renderDns(result.dns ?? {});
  return {
    cniVersion,
    ...compact({
      interfaces: result.interfaces?.map(current ? renderInterface : renderOldInterface),
      ips: result.ips?.map(current ? renderIp : renderVersionedIp),
      routes: result.routes?.map(renderRoute),
    }),
    ...(current && Object.keys(dns).length === 0 ? {} : { dns }),
  };
}

/**
 * The result as JSON of the asked version (empty means 0.1.0). Refused: code 1 when the version is none we know, or is
 * 0.1.0 or 0.2.0 and the result, of a later version, has no address.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { renderResult } from "./render_result.ts";
 * const result = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/16", interface: 0 }] };
 * const old = Effect.runSync(renderResult(result, "0.4.0"));
 * if (JSON.stringify(old.ips) !== '[{"version":"4","interface":0,"address":"10.1.0.2/16"}]') throw new Error("wrong shape");
 * ```
 */
export const renderResult = (result: CniResult, version: string): Effect.Effect<JsonObject, Refused> =>
  Effect.suspend(() => {
    const asked = version || DEFAULT_VERSION;
    const shape = familyOfVersion(asked);
    if (shape === IP4_IP6) return renderLegacy(result, asked);
    if (shape !== null) return Effect.succeed(renderModern(result, asked, shape === IPS));
    return Effect.fail(
      new Refused({
        code: CniCode.INCOMPATIBLE_VERSION,
        msg: `Cannot give the result as version ${quote(asked)}: there is no such result version`,
      }),
    );
  });

/** A copy with keys in alphabetical order at every level. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]));
}

/** What stdout gets: indented by 4 spaces, no final newline, keys sorted from 1.0.0 on, as libcni prints it. */
export const printResult = (result: CniResult, version: string): Effect.Effect<string, Refused> =>
  Effect.map(renderResult(result, version), (json) => {
    const current = familyOfVersion(version) === IPS;
    return JSON.stringify(current ? sorted(json) : json, null, 4);
  });
