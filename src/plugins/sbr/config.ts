/** The configuration of sbr, and what it means for the addresses of an interface. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { addressOf, bitsOf, type Family, family, formatCidr, formatIp, parseIp } from "../../spec/cidr.ts";
import { Flag, intBetween, listOf } from "../../spec/config_schema.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { described } from "../../spec/key_descriptions.ts";
import type { CniResult } from "../../spec/result.ts";

/** Highest number of a table: FRA_TABLE has 32 bits (linux/fib_rules.h). */
const MAX_TABLE = 0xffff_ffff;

/** Keys of sbr. */
export const SbrConfig = described(
  Schema.Struct({
    table: Schema.optionalKey(intBetween(1, MAX_TABLE)),
    gateways: listOf(Schema.String),
    addSourceHints: Flag,
  }),
  {
    table:
      "an existing routing table to look up what comes from the interface's addresses in; no routes are moved then",
    gateways: "at most one address of each family: the gateways to use instead of those in the result",
    addSourceHints: "leave the routes to the interface's own networks in the main table, with its addresses as sources",
  },
);

/** A decoded sbr configuration. */
export type SbrConfig = typeof SbrConfig.Type;

/** What the configuration comes to. */
export interface SbrSettings {
  /** The table that somebody else keeps; null to make one for each address. */
  readonly table: number | null;
  readonly gateways: Readonly<Partial<Record<Family, string>>>;
  readonly hints: boolean;
}

/** One address of the interface, whose packets get a table of their own. */
export interface Source {
  readonly family: Family;
  /** With its prefix length. */
  readonly address: string;
  /** The address alone, as a prefix. */
  readonly from: string;
  /** Where its table leads to; null for its own network only. */
  readonly gateway: string | null;
}

const invalid = (msg: string, details: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, details });

const ONE_EACH = "give at most one address of each family";

/** Checks a configuration. Ends with `Refused` naming what is wrong. */
export const readSbr: (config: SbrConfig) => Effect.Effect<SbrSettings, Refused> = Effect.fnUntraced(
  function* ({ table = null, gateways: texts, addSourceHints: hints }) {
    const gateways: Partial<Record<Family, string>> = {};
    for (const text of texts) {
      const ip = parseIp(text);
      if (ip === null) return yield* invalid(`Cannot use "gateways": "${text}" is not an IP address`, ONE_EACH);
      const other = gateways[ip.family];
      if (other !== undefined) {
        return yield* invalid(`Cannot use "gateways": "${other}" and "${text}" are both IPv${ip.family}`, ONE_EACH);
      }
      gateways[ip.family] = formatIp(ip);
    }
    return { table, gateways, hints };
  },
);

/** An address alone, as a prefix. */
export const alone = (address: string): string => formatCidr(`${addressOf(address)}/${bitsOf(family(address))}`);

/** The addresses that a result gives to the interface, or to none in particular, each once. */
export const sourcesOf = (result: CniResult, ifName: string, { gateways }: SbrSettings): readonly Source[] => {
  const { interfaces = [], ips = [] } = result;
  const sources = new Map<string, Source>();
  for (const { address, gateway, interface: at } of ips) {
    const named = at === undefined ? undefined : interfaces[at];
    const from = alone(address);
    if ((named !== undefined && named.name !== ifName) || sources.has(from)) continue;
    const version = family(address);
    sources.set(from, {
      family: version,
      address,
      from,
      gateway: gateways[version] ?? (gateway === undefined ? null : formatIp(gateway)),
    });
  }
  return [...sources.values()];
};
