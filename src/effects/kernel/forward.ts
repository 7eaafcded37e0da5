/**
 * What lets a container through the chain FORWARD of iptables, in the words of Go's plugin firewall: whichever of the two
 * made a rule, the other finds it and can delete it. An accept anywhere else does not help where the policy of that chain
 * is DROP, for a packet passes only if every chain of a hook lets it.
 *
 * Rules are lists of words, as `iptables -S` prints them: `-A`, the chain, and what follows.
 */
import { bitsOf, canonicalCidr, formatIp, toIp } from "../../spec/cidr.ts";

/** The words of a rule. */
type Rule = readonly string[];

/** Names of chains: the kernel's own, the one for all containers, the administrator's, and the one with Go's isolation. */
export const FORWARD = { base: "FORWARD", containers: "CNI-FORWARD", isolation: "CNI-ISOLATION-STAGE-1" } as const;

/** The chain in which administrators overrule what containers may, unless a configuration names another. */
export const ADMIN_CHAIN = "CNI-ADMIN";

/** XT_EXTENSION_MAXNAMELEN (linux/netfilter/x_tables.h), 29, without the final NUL. */
export const MAX_CHAIN_BYTES = 28;

const jump = (
  from: string,
  comment: string,
  to: string,
): Rule => ["-A", from, "-m", "comment", "--comment", comment, "-j", to];

const forwardJump: Rule = jump(FORWARD.base, "CNI firewall plugin rules", FORWARD.containers);
const adminJump = (chain: string): Rule => jump(FORWARD.containers, "CNI firewall plugin admin overrides", chain);

/** An address with the prefix length of a single host. */
export const hostPrefix = (ip: string): string => `${formatIp(ip)}/${bitsOf(toIp(ip).family)}`;

/**
 * The two rules of an address, without a prefix: what answers it, and all that it sends.
 *
 * @example
 * ```ts
 * import { acceptRules } from "./forward.ts";
 * const [, out] = acceptRules("10.1.0.2");
 * if (out?.join(" ") !== "-A CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT") throw new Error(String(out));
 * ```
 */
export const acceptRules = (ip: string): readonly Rule[] =>
  [
    ["-d", hostPrefix(ip), "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"],
    ["-s", hostPrefix(ip)],
  ].map((matches) => ["-A", FORWARD.containers, ...matches, "-j", "ACCEPT"]);

/** One text for a rule, however its addresses are written. */
const textOf = (rule: Rule): string => rule.map((word) => canonicalCidr(word) ?? word).join("\n");

/** Whether the rules have this one. */
const has = (rules: readonly Rule[], wanted: Rule): boolean => rules.some((rule) => textOf(rule) === textOf(wanted));

/** The rule as a command that puts it at a place of its chain, counted from 1. */
const insert = ([, chain = "", ...rest]: Rule, place: number): Rule => ["-I", chain, `${place}`, ...rest];

/**
 * Where the jump goes: to the top of FORWARD, as others have theirs there, but behind the jump to Go's isolation, which
 * would be passed by otherwise.
 */
const placeIn = (rules: readonly Rule[]): number =>
  rules.filter(([, chain]) => chain === FORWARD.base).findLastIndex((rule) => rule.at(-1) === FORWARD.isolation) + 2;

/** The commands that make what is missing of the chains, and of the jumps between them, and let these addresses through. */
export const openCommands = (
  chains: readonly string[],
  rules: readonly Rule[],
  addresses: readonly string[],
  adminChain: string,
): readonly Rule[] => [
  ...[FORWARD.containers, adminChain].filter((chain) => !chains.includes(chain)).map((chain) => ["-N", chain]),
  ...(has(rules, forwardJump) ? [] : [insert(forwardJump, placeIn(rules))]),
  ...(has(rules, adminJump(adminChain)) ? [] : [insert(adminJump(adminChain), 1)]),
  ...addresses.flatMap(acceptRules),
];

/** The commands that delete the rules of these addresses, each once: another who has an address since has rules of its own. */
export const closeCommands = (rules: readonly Rule[], addresses: readonly string[]): readonly Rule[] =>
  addresses.flatMap(acceptRules).filter((rule) => has(rules, rule)).map(([, ...rest]) => ["-D", ...rest]);

/** How many times an address has both of its rules. */
export const timesOpened = (rules: readonly Rule[], ip: string): number =>
  Math.min(...acceptRules(ip).map((wanted) => rules.filter((rule) => textOf(rule) === textOf(wanted)).length));

/** What is missing for these addresses, one sentence each. */
export const closedFindings = (
  family: 4 | 6,
  rules: readonly Rule[],
  addresses: readonly string[],
): readonly string[] => {
  const program = family === 4 ? "iptables" : "ip6tables";
  const wanted = [forwardJump, ...addresses.flatMap(acceptRules)];
  return wanted.filter((rule) => !has(rules, rule)).map((rule) =>
    `table filter of ${program}: expected the rule "${rule.join(" ")}", found none`
  );
};
