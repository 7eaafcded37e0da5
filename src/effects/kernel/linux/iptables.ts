/**
 * Tables of the programs iptables and ip6tables. Their rules may only be changed by them: what others write there
 * natively, they refuse to list. They keep them in nf_tables, or, as `iptables-legacy`, in tables of their own.
 */
import { contains } from "../../../spec/cidr.ts";
import { HostError } from "../host.ts";
import type { KernelOp } from "../op.ts";
import type { IptablesTable } from "../program_view.ts";
import { readNative } from "./iptables_native.ts";
import type { OpenNetns } from "./netns.ts";
import { chainsOf } from "./nftables/list.ts";
import { findProgram, runProgram, saidBy, searched } from "./program.ts";

type Delete = Extract<KernelOp, { readonly op: "iptables.delete" }>;
type Family = 4 | 6;
/** Whose tables: those in nf_tables, the legacy ones, or of whichever the machine calls iptables. */
type Backend = "nft" | "legacy" | "own";

/** A table of one of the programs. */
export interface Where {
  readonly family: Family;
  readonly table: IptablesTable;
  readonly backend: Backend;
}

/** The words of a rule: `-A`, its chain, and what follows. */
type Rule = readonly string[];

/** How long the program waits for others of its kind, in seconds. */
const WAIT_S = 10;

/** Names of the tables that the legacy programs have in use; one file for each family. */
const LEGACY_NAMES = { 4: "ip_tables_names", 6: "ip6_tables_names" } as const;

const nameOf = (family: Family): string => family === 4 ? "iptables" : "ip6tables";

/** The program for a backend, or its `-restore`: by its full name, or the one that the machine calls iptables. */
const find = (family: Family, backend: Backend, suffix = ""): string | null =>
  findProgram(...(backend === "own" ? [] : [`${nameOf(family)}-${backend}${suffix}`]), `${nameOf(family)}${suffix}`);

/** The program; throws `HostError` where there is none. */
function mustFind(family: Family, backend: Backend, table: IptablesTable, suffix = ""): string {
  const file = find(family, backend, suffix);
  if (file !== null) return file;
  throw new HostError({
    doing: `change the ${table === "nat" ? "NAT" : table} table of ${nameOf(family)} without the program`,
    subject: `${nameOf(family)}${suffix}`,
    errno: `ENOENT: it is in none of ${searched().join(", ")}; install iptables, or put it on PATH`,
  });
}

/** Runs the program inside the namespace; it must succeed. Throws `HostError`. */
function must(netns: OpenNetns, { family, table, backend }: Where, args: readonly string[]): string {
  const file = mustFind(family, backend, table);
  const ended = runProgram(netns, file, ["--wait", `${WAIT_S}`, "-t", table, ...args]);
  if (ended.code === 0) return ended.stdout;
  throw new HostError({
    doing: `run ${nameOf(family)} -t ${table}`,
    subject: args.join(" "),
    errno: `it ended with ${ended.code}: ${saidBy(ended)}`,
  });
}

/**
 * The words of a line, which the program quotes as a shell would read them.
 *
 * @example
 * ```ts
 * import { wordsOf } from "./iptables.ts";
 * const words = wordsOf('-A X -m comment --comment "name: \\"net\\"" -j Y');
 * if (words[5] !== 'name: "net"' || words.length !== 8) throw new Error(words.join("|"));
 * ```
 */
export const wordsOf = (line: string): Rule =>
  Array.from(
    line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g),
    ([, quoted, plain]) => quoted === undefined ? plain ?? "" : quoted.replace(/\\(.)/g, "$1"),
  );

/** The table as `-S` prints it: its chains and its rules. Throws `HostError`. */
export const listing = (netns: OpenNetns, where: Where): readonly Rule[] =>
  must(netns, where, ["-S"]).split("\n").filter((line) => line !== "").map(wordsOf);

/** Names of the chains in a listing. */
export const chainsIn = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(([what, name]) => (what === "-N" || what === "-P") && name !== undefined ? [name] : []);

/** Whether the legacy program has that table in this namespace. */
const usesLegacy = (netns: OpenNetns, family: Family, table: IptablesTable): boolean =>
  netns.run(() => {
    try {
      return Deno.readTextFileSync(`/proc/thread-self/net/${LEGACY_NAMES[family]}`).split("\n").includes(table);
    } catch {
      return false; // the module is not there, or nobody may look
    }
  });

const nftChains = (netns: OpenNetns, family: Family, table: IptablesTable): readonly string[] =>
  chainsOf(netns.netfilter, { family: family === 4 ? "ip" : "ip6", table });

const legacyChains = (netns: OpenNetns, family: Family, table: IptablesTable): readonly string[] =>
  usesLegacy(netns, family, table) && find(family, "legacy") !== null
    ? chainsIn(listing(netns, { family, table, backend: "legacy" }))
    : [];

/** Names of the chains of either backend. A program is started for legacy tables only. Throws `SystemError`, `HostError`. */
export const iptablesChains = (
  netns: OpenNetns,
  family: Family,
  table: IptablesTable = "nat",
): readonly string[] => [...nftChains(netns, family, table), ...legacyChains(netns, family, table)];

/** The backends that have a chain. */
export const backendsWith = (
  netns: OpenNetns,
  family: Family,
  table: IptablesTable,
  chain: string,
): readonly ("nft" | "legacy")[] => [
  ...(nftChains(netns, family, table).includes(chain) ? ["nft" as const] : []),
  ...(legacyChains(netns, family, table).includes(chain) ? ["legacy" as const] : []),
];

/** By the program; without one natively, as far as that is understood. */
const nftRules = (netns: OpenNetns, family: Family, table: IptablesTable): readonly Rule[] =>
  table === "filter" && find(family, "nft") === null
    ? readNative(netns, family).rules.map(({ words }) => words)
    : listing(netns, { family, table, backend: "nft" });

/** The rules of both backends. Throws `SystemError`, `HostError`. */
export const iptablesRules = (
  netns: OpenNetns,
  family: Family,
  table: IptablesTable = "nat",
): readonly Rule[] =>
  [
    ...(nftChains(netns, family, table).length > 0 ? nftRules(netns, family, table) : []),
    ...(legacyChains(netns, family, table).length > 0 ? listing(netns, { family, table, backend: "legacy" }) : []),
  ].filter(([what]) => what === "-A");

/** The word after this one. */
const after = (rule: Rule, word: string): string | undefined => {
  const at = rule.indexOf(word);
  return at < 0 ? undefined : rule[at + 1];
};

const leadsTo = (rule: Rule, chain: string): boolean =>
  rule[0] === "-A" && (after(rule, "-j") ?? after(rule, "-g")) === chain;

/** Whether a jump is for packets from one of these addresses; an older form has the whole subnet there. */
const isFrom = (rule: Rule, sources: readonly string[] | undefined): boolean => {
  if (sources === undefined) return true;
  const source = after(rule, "-s");
  return source !== undefined && sources.some((ip) => contains(source, ip));
};

function deleteIn(netns: OpenNetns, { family, table, chain, from, sources }: Delete, backend: Backend): void {
  const where = { family, table, backend };
  const rules = listing(netns, where);
  if (!chainsIn(rules).includes(chain)) return;
  const jumps = rules.filter((rule) => leadsTo(rule, chain));
  const due = jumps.filter((rule) => rule[1] === from && isFrom(rule, sources));
  for (const rule of due) must(netns, where, ["-D", ...rule.slice(1)]);
  if (due.length < jumps.length && sources !== undefined) return;
  must(netns, where, ["-F", chain]);
  must(netns, where, ["-X", chain]);
}

/** Carries out `iptables.delete` in whichever backend has the chain. Absence is success. Throws `SystemError`, `HostError`. */
export function deleteIptables(netns: OpenNetns, op: Delete): void {
  for (const backend of backendsWith(netns, op.family, "nat", op.chain)) deleteIn(netns, op, backend);
}

/** A word as a line of iptables-restore has it. */
const quoted = (word: string): string =>
  /^[\w.:/,-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, (mark) => `\\${mark}`)}"`;

/** Hands its second argument to the program in its first, whose further arguments follow. */
const FEED = 'program=$1 text=$2; shift 2; printf %s "$text" | "$program" "$@"';

/**
 * Carries out commands of one table in one transaction: all or none. Answers what the program said when it refused, or
 * null. Throws `HostError` where there is no program.
 */
export function transact(
  netns: OpenNetns,
  { family, table, backend }: Where,
  commands: readonly Rule[],
): string | null {
  const file = mustFind(family, backend, table, "-restore");
  const text = [`*${table}`, ...commands.map((words) => words.map(quoted).join(" ")), "COMMIT", ""].join("\n");
  const ended = runProgram(netns, "/bin/sh", ["-c", FEED, "sh", file, text, "--wait", `${WAIT_S}`, "--noflush"]);
  return ended.code === 0 ? null : `it ended with ${ended.code}: ${saidBy(ended)}`;
}
