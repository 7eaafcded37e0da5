/** The NAT tables of iptables and ip6tables in a simulated namespace: chains, and their rules as lists of words. */
import { contains } from "../../../spec/cidr.ts";
import type { KernelOp } from "../op.ts";
import { refuse } from "./refusal.ts";
import type { SimNetns } from "./state.ts";

type Delete = Extract<KernelOp, { readonly op: "iptables.delete" }>;

const keyOf = (family: 4 | 6, chain: string): string => `${family} ${chain}`;

/** The names of the chains of a family. */
export const iptablesChains = ({ iptables }: SimNetns, family: 4 | 6): readonly string[] =>
  [...iptables.keys()].filter((key) => key.startsWith(`${family} `)).map((key) => key.slice(2));

/** The rules of a family, as `-S` prints them. */
export const iptablesRules = (netns: SimNetns, family: 4 | 6): readonly (readonly string[])[] =>
  iptablesChains(netns, family).flatMap((chain) =>
    (netns.iptables.get(keyOf(family, chain)) ?? []).map((rule) => ["-A", chain, ...rule])
  );

/** Puts rules into a chain, which is made where it is missing. */
export const putIptables = ({ iptables }: SimNetns, family: 4 | 6, chain: string, rules: readonly string[][]): void =>
  void iptables.set(keyOf(family, chain), [...(iptables.get(keyOf(family, chain)) ?? []), ...rules]);

/** Carries out `iptables.delete`; absence is success. */
export const deleteIptables = ({ iptables }: SimNetns, { family, chain, from, sources }: Delete): void => {
  if (!iptables.has(keyOf(family, chain))) return;
  const leads = (rule: readonly string[]) => rule[rule.indexOf("-j") + 1] === chain;
  const isDue = (rule: readonly string[]) => {
    const source = rule[rule.indexOf("-s") + 1];
    return leads(rule) && (sources === undefined || sources.some((ip) => contains(source ?? "", ip)));
  };
  iptables.set(keyOf(family, from), (iptables.get(keyOf(family, from)) ?? []).filter((rule) => !isDue(rule)));
  const isUsed = [...iptables].some(([key, rules]) => key.startsWith(`${family} `) && rules.some(leads));
  if (isUsed && sources !== undefined) return;
  if (isUsed) refuse("EBUSY");
  iptables.delete(keyOf(family, chain));
};
