/** Tables of iptables and ip6tables in a simulated namespace: chains, and their rules as lists of words. */
import { contains } from "../../../spec/cidr.ts";
import { closeCommands, FORWARD, openCommands } from "../forward.ts";
import type { KernelOp } from "../op.ts";
import type { IptablesTable } from "../program_view.ts";
import { refuse } from "./refusal.ts";
import type { SimNetns } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;
type Rule = readonly string[];

const prefixOf = (family: 4 | 6, table: IptablesTable): string => `${table === "nat" ? "" : `${table} `}${family} `;

const keyOf = (family: 4 | 6, chain: string, table: IptablesTable = "nat"): string => prefixOf(family, table) + chain;

/** The names of the chains of a family. */
export const iptablesChains = (
  { iptables }: SimNetns,
  family: 4 | 6,
  table: IptablesTable = "nat",
): readonly string[] => {
  const prefix = prefixOf(family, table);
  return [...iptables.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
};

/** The rules of a family, as `-S` prints them. */
export const iptablesRules = (netns: SimNetns, family: 4 | 6, table: IptablesTable = "nat"): readonly Rule[] =>
  iptablesChains(netns, family, table).flatMap((chain) =>
    (netns.iptables.get(keyOf(family, chain, table)) ?? []).map((rule) => ["-A", chain, ...rule])
  );

/** Puts rules into a chain, which is made where it is missing. */
export const putIptables = (
  { iptables }: SimNetns,
  family: 4 | 6,
  chain: string,
  rules: readonly Rule[],
  table: IptablesTable = "nat",
): void => {
  const key = keyOf(family, chain, table);
  iptables.set(key, [...(iptables.get(key) ?? []), ...rules]);
};

/** Carries out `iptables.delete`; absence is success. */
export const deleteIptables = (
  { iptables }: SimNetns,
  { family, chain, from, sources }: Of<"iptables.delete">,
): void => {
  if (!iptables.has(keyOf(family, chain))) return;
  const leads = (rule: Rule) => rule[rule.indexOf("-j") + 1] === chain;
  const isDue = (rule: Rule) => {
    const source = rule[rule.indexOf("-s") + 1];
    return leads(rule) && (sources === undefined || sources.some((ip) => contains(source ?? "", ip)));
  };
  iptables.set(keyOf(family, from), (iptables.get(keyOf(family, from)) ?? []).filter((rule) => !isDue(rule)));
  const isUsed = [...iptables].some(([key, rules]) => key.startsWith(`${family} `) && rules.some(leads));
  if (isUsed && sources !== undefined) return;
  if (isUsed) refuse("EBUSY");
  iptables.delete(keyOf(family, chain));
};

/** One command of a transaction of the table filter; of -D, what it names is there. */
const run = ({ iptables }: SimNetns, family: 4 | 6, [what, chain = "", ...rest]: Rule): void => {
  const key = keyOf(family, chain, "filter");
  const rules = [...(iptables.get(key) ?? [])];
  if (what === "-A") rules.push(rest);
  if (what === "-I") rules.splice(Number(rest[0]) - 1, 0, rest.slice(1));
  if (what === "-D") rules.splice(rules.findIndex((rule) => `${rule}` === `${rest}`), 1);
  iptables.set(key, rules);
};

/** Carries out `iptables.open`. */
export const openForward = (netns: SimNetns, { family, addresses, adminChain }: Of<"iptables.open">): void => {
  const chains = iptablesChains(netns, family, "filter");
  if (!chains.includes(FORWARD.base)) putIptables(netns, family, FORWARD.base, [], "filter");
  const rules = iptablesRules(netns, family, "filter");
  for (const command of openCommands(chains, rules, addresses, adminChain)) run(netns, family, command);
};

/** Carries out `iptables.close`; absence is success. */
export const closeForward = (netns: SimNetns, { family, addresses }: Of<"iptables.close">): void => {
  const rules = iptablesRules(netns, family, "filter");
  for (const command of closeCommands(rules, addresses)) run(netns, family, command);
};
