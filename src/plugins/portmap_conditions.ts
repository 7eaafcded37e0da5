/**
 * Translates portmap's `conditionsV4` and `conditionsV6`, raw match tokens in the syntax of iptables or of nft, into
 * nf_tables expressions. What is not covered is refused by name: a condition silently ignored would open a port wider
 * than its owner asked for.
 */
import * as Effect from "effect/Effect";
import type { NftExpr } from "../effects/kernel/nft.ts";
import { parseCidr, parseIp } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { MAX_IF_NAME_BYTES } from "../spec/names.ts";
import { matchAddress, matchIifName, matchMark } from "./nft_exprs.ts";

/** The configuration key the tokens came from. */
export type ConditionsKey = "conditionsV4" | "conditionsV6";

const SUPPORTED =
  "supported are, for iptables: [!] -s|-d address[/prefix], [!] -i name[+], -m comment --comment text; " +
  "for nft: ip|ip6 saddr|daddr [==|!=] address[/prefix], [meta] iifname [==|!=] name[*], meta mark [==|!=] number";

/** More words than the 128 expressions that a rule has room for could come of (NFT_RULE_MAXEXPRS, net/netfilter/nf_tables.h). */
const MAX_TOKENS = 1_000;

/** iptables' names of an option, long and short. */
const IPTABLES_OPTIONS: Readonly<Record<string, "saddr" | "daddr" | "iifname">> = {
  "-s": "saddr",
  "--source": "saddr",
  "--src": "saddr",
  "-d": "daddr",
  "--destination": "daddr",
  "--dst": "daddr",
  "-i": "iifname",
  "--in-interface": "iifname",
};

/** Tokens are taken from the front; `key` and `family` say where they came from. */
interface Reader {
  readonly key: ConditionsKey;
  readonly family: 4 | 6;
  readonly tokens: string[];
}

type Matches = Effect.Effect<readonly NftExpr[], Refused>;

const refuse = ({ key }: Reader, why: string): Effect.Effect<never, Refused> =>
  Effect.fail(
    new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: `Cannot use "${key}": ${why}`, details: SUPPORTED }),
  );

/** Which syntax the tokens are in: iptables' options begin with a dash, and its negation stands first. */
export const conditionSyntax = (tokens: readonly string[]): "iptables" | "nftables" =>
  /^[-!]/.test(tokens[0] ?? "") ? "iptables" : "nftables";

const address = (reader: Reader, which: "saddr" | "daddr", text: string | undefined, not: boolean): Matches => {
  if (text === undefined) return refuse(reader, `the last ${which} has no address`);
  const ip = parseIp(text);
  const cidr = ip === null ? parseCidr(text) : { ip, prefix: ip.family === 4 ? 32 : 128 };
  if (cidr === null || cidr.ip.family !== reader.family) {
    return refuse(reader, `"${text}" is not one IPv${reader.family} address or prefix`);
  }
  return Effect.succeed(matchAddress(which, cidr, not));
};

/** `wildcard` is the character that stands for any end of a name: iptables' plus, nft's asterisk. */
const iifname = (reader: Reader, text: string | undefined, wildcard: "+" | "*", not: boolean): Matches => {
  if (text === undefined) return refuse(reader, "the last interface match has no name");
  const open = text.endsWith(wildcard);
  const name = open ? text.slice(0, -1) : text;
  const length = new TextEncoder().encode(name).length;
  if (length === 0 || length > MAX_IF_NAME_BYTES) {
    return refuse(reader, `"${text}" is not an interface name of 1 to ${MAX_IF_NAME_BYTES} bytes`);
  }
  return Effect.succeed(matchIifName(name, open, not));
};

const mark = (reader: Reader, text: string | undefined, not: boolean): Matches => {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text ?? "") ? Number(text) : NaN;
  if (!(value <= 0xffff_ffff)) return refuse(reader, `"${text ?? ""}" is not a mark from 0 to 0xffffffff`);
  return Effect.succeed(matchMark(value, not));
};

/** `-m comment --comment text` says nothing about packets. */
const iptablesModule = (reader: Reader): Matches => {
  const [module, option] = reader.tokens.splice(0, 3);
  if (module === "comment" && option === "--comment") return Effect.succeed([]);
  return refuse(reader, `iptables match "-m ${module ?? ""}" is not supported`);
};

const iptablesMatch = (reader: Reader): Matches => {
  let token = reader.tokens.shift();
  const not = token === "!";
  if (not) token = reader.tokens.shift();
  const [option = "", attached] = token?.startsWith("--") ? token.split("=", 2) : [token];
  if (!not && (option === "-m" || option === "--match")) return iptablesModule(reader);
  const field = Object.hasOwn(IPTABLES_OPTIONS, option) ? IPTABLES_OPTIONS[option] : undefined;
  if (field === undefined) return refuse(reader, `iptables option "${token ?? "!"}" is not supported`);
  const value = attached ?? reader.tokens.shift();
  return field === "iifname" ? iifname(reader, value, "+", not) : address(reader, field, value, not);
};

/** `==` or `!=` may stand before a value. */
const comparison = ({ tokens }: Reader): boolean => {
  const operator = tokens[0];
  if (operator === "==" || operator === "!=") tokens.shift();
  return operator === "!=";
};

const nftMatch = (reader: Reader): Matches => {
  const { tokens, family } = reader;
  const first = tokens.shift();
  const field = first === "meta" || first === "ip" || first === "ip6" ? tokens.shift() : first;
  const not = comparison(reader);
  if (first === (family === 4 ? "ip" : "ip6") && (field === "saddr" || field === "daddr")) {
    return address(reader, field, tokens.shift(), not);
  }
  if (field === "iifname" && (first === "meta" || first === field)) {
    return iifname(reader, tokens.shift()?.replace(/^"(.*)"$/, "$1"), "*", not);
  }
  if (first === "meta" && field === "mark") return mark(reader, tokens.shift(), not);
  const what = first === field ? first : `${first} ${field ?? ""}`.trimEnd();
  return refuse(reader, `nft match "${what}" is not supported for IPv${family}`);
};

/**
 * Expressions that hold for exactly the packets the tokens describe; the packet's family must be matched before them.
 * Ends with `Refused` (code 7) naming the token that is not understood.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { translateConditions } from "./portmap_conditions.ts";
 * const iptables = Effect.runSync(translateConditions("conditionsV4", ["!", "-d", "192.0.2.0/24"]));
 * const nft = Effect.runSync(translateConditions("conditionsV4", ["ip", "daddr", "!=", "192.0.2.0/24"]));
 * if (JSON.stringify(iptables) !== JSON.stringify(nft)) throw new Error("both mean the same");
 * ```
 */
export const translateConditions: (key: ConditionsKey, conditions: readonly string[]) => Matches = Effect.fnUntraced(
  function* (key, conditions) {
    const syntax = conditionSyntax(conditions);
    const tokens = syntax === "iptables"
      ? [...conditions]
      : conditions.flatMap((text) => text.split(/\s+/).filter((token) => token !== ""));
    const reader: Reader = { key, family: key === "conditionsV4" ? 4 : 6, tokens };
    if (tokens.length > MAX_TOKENS) {
      return yield* refuse(reader, `${tokens.length} words, at most ${MAX_TOKENS} are read`);
    }
    const exprs: NftExpr[] = [];
    while (tokens.length > 0) exprs.push(...(yield* syntax === "iptables" ? iptablesMatch(reader) : nftMatch(reader)));
    return exprs;
  },
);
