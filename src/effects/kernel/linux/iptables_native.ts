/**
 * The table filter of iptables-nft without its program: what lets containers through, read and written as that program
 * does it, so that it lists, finds and deletes what is written here.
 */
import type { OpenNetns } from "./netns.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import { type NetlinkRequest, NLM_F_ACK, NLM_F_CREATE } from "./netlink/socket.ts";
import { bracket } from "./nftables/batch.ts";
import { BATCH, MSG, RULE } from "./nftables/constants.ts";
import { readGeneration } from "./nftables/element.ts";
import { chainsOf, dump, membersOf } from "./nftables/list.ts";
import { nftMessage, nftType } from "./nftables/message.ts";
import { NLM_F_APPEND, objectRequest } from "./nftables/object.ts";
import { readWords, writeWords } from "./nftables/xtables.ts";

type Family = 4 | 6;
type Rule = readonly string[];

/** The chain that the kernel asks, as iptables-nft makes it. */
const BASE = "FORWARD";

/** A rule, and its number in the table. */
interface Numbered {
  readonly words: Rule;
  readonly handle: bigint;
}

/** The table as it was found, and the number of the ruleset that it was found in. */
export interface NativeTable {
  readonly generation: number;
  readonly chains: readonly string[];
  readonly rules: readonly Numbered[];
}

const tableOf = (family: Family) => ({ family: family === 4 ? "ip" : "ip6", table: "filter" }) as const;

/** Reads the table; empty where it is missing. Throws `SystemError`. */
export function readNative({ netfilter }: OpenNetns, family: Family): NativeTable {
  const generation = readGeneration(netfilter);
  const where = tableOf(family);
  const body = nftMessage(where.family).attributeString(RULE.TABLE, where.table).finish();
  const rules = dump(netfilter, MSG.GETRULE, MSG.NEWRULE, body).flatMap((rule): readonly Numbered[] => {
    const [chain, handle] = [rule.string(RULE.CHAIN), rule.bytes(RULE.HANDLE)];
    if (chain === null || handle === null || rule.string(RULE.TABLE) !== where.table) return [];
    const words = readWords(membersOf(rule.bytes(RULE.EXPRESSIONS)), family);
    return [{ words: ["-A", chain, ...words], handle: BigInt(`0x${handle.toHex()}`) }];
  });
  return { generation, chains: chainsOf(netfilter, where), rules };
}

/** Starts a request about a rule of a chain. */
const about = (family: Family, chain: string) => {
  const where = tableOf(family);
  return nftMessage(where.family).attributeString(RULE.TABLE, where.table).attributeString(RULE.CHAIN, chain);
};

const addRule = (family: Family, chain: string, words: Rule, behind: bigint | null, flags: number): NetlinkRequest => {
  const writer = about(family, chain);
  writer.nested(RULE.EXPRESSIONS, () => writeWords(writer, words));
  if (behind !== null) writer.attributeBe64(RULE.POSITION, behind);
  return { type: nftType(MSG.NEWRULE), flags: NLM_F_CREATE | flags, body: writer.finish() };
};

/** A rule that is to be at a place of its chain, counted from 1: behind the one before it, or first of all. */
const insertRule = (family: Family, { rules }: NativeTable, [chain = "", place, ...words]: Rule): NetlinkRequest => {
  const before = rules.filter(({ words }) => words[1] === chain)[Number(place) - 2];
  return before === undefined
    ? addRule(family, chain, words, null, 0)
    : addRule(family, chain, words, before.handle, NLM_F_APPEND);
};

/** A deletion of the first rule of these words; `spent` are numbers of those that are already to be deleted. */
const deleteRule = (family: Family, { rules }: NativeTable, command: Rule, spent: Set<bigint>): NetlinkRequest[] => {
  const text = command.join("\n");
  const due = rules.find(({ words, handle }) => words.slice(1).join("\n") === text && !spent.has(handle));
  if (due === undefined) return [];
  spent.add(due.handle);
  const writer = about(family, command[0] ?? "").attributeBe64(RULE.HANDLE, due.handle);
  return [{ type: nftType(MSG.DELRULE), body: writer.finish() }];
};

/** What must be there before chains and rules: the table, and the chain that the kernel asks. */
const foundations = (family: Family, { chains }: NativeTable): readonly NetlinkRequest[] => {
  if (chains.includes(BASE)) return [];
  const where = tableOf(family);
  const hook = { type: "filter", hook: "forward", priority: 0 } as const;
  return [
    objectRequest({ add: "table", ...where }, 0),
    objectRequest({ add: "chain", ...where, chain: BASE, hook, exclusive: true }, 0),
  ];
};

/**
 * Whether somebody else may have done the same since the table was read. What is appended stands for itself, and what is
 * deleted is named by a number that is never used again.
 */
const mayCollide = (commands: readonly Rule[]): boolean => commands.some(([what]) => what === "-N" || what === "-I");

/**
 * Carries out commands in iptables' words in one transaction: all or none. Answers the refusal, such as ERESTART where
 * chains or jumps are to be made and the ruleset, which all programs change, is another than was read; or null. Throws
 * `SystemError` where the kernel cannot be asked.
 */
export function transactNative(
  { netfilter }: OpenNetns,
  family: Family,
  table: NativeTable,
  commands: readonly Rule[],
): string | null {
  const spent = new Set<bigint>();
  const requests = commands.flatMap(([what, ...rest]): readonly NetlinkRequest[] => {
    const [chain = "", ...words] = rest;
    if (what === "-N") return [objectRequest({ add: "chain", ...tableOf(family), chain, exclusive: true }, 0)];
    if (what === "-I") return [insertRule(family, table, rest)];
    if (what === "-A") return [addRule(family, chain, words, null, NLM_F_APPEND)];
    return deleteRule(family, table, rest, spent);
  });
  const all = [...foundations(family, table), ...requests];
  const sent = all.map((request, at) =>
    at < all.length - 1 ? request : { ...request, flags: (request.flags ?? 0) | NLM_F_ACK }
  );
  const begin = bracket(BATCH.BEGIN, mayCollide(commands) ? table.generation : undefined);
  const { failures } = netfilter.batch([begin, ...sent, bracket(BATCH.END)]);
  const failure: NetlinkFailure | undefined = failures[0]?.failure;
  return failure === undefined ? null : failure.errno;
}
