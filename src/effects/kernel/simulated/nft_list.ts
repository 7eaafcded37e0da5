/** What a table of a simulated namespace has, and the removal of chains and rules. */
import type { NftCommand, NftElement, NftExpr, NftRule, NftTable } from "../nft.ts";
import { refuse } from "./refusal.ts";
import type { SimChain, SimNetns, SimTable } from "./state.ts";

type Removal = Extract<NftCommand, { readonly remove: "rule" | "chain" }>;

/** Numbers of rules: they tell rules apart, and are no part of what a machine is. */
const handles = new WeakMap<SimChain["rules"][number], string>();
let last = 0;

const handleOf = (rule: SimChain["rules"][number]): string => {
  const known = handles.get(rule) ?? `${++last}`;
  handles.set(rule, known);
  return known;
};

const tableOf = ({ tables }: SimNetns, { family, table }: NftTable): SimTable | undefined =>
  tables.get(`${family} ${table}`);

const valuesOf = (expr: NftExpr): readonly string[] => expr.expr === "cmp" ? [expr.bytes] : [];

/** The elements of all sets, or those with this comment. */
export const readElements = (netns: SimNetns, table: NftTable, comment?: string): readonly NftElement[] =>
  [...tableOf(netns, table)?.sets.values() ?? []].flatMap(({ elements }) => [...elements.values()])
    .filter((element) => comment === undefined || element.comment === comment);

/** Names of the chains. */
export const readChains = (netns: SimNetns, table: NftTable): readonly string[] => [
  ...tableOf(netns, table)?.chains.keys() ?? [],
];

/** The rules of a chain, in their order. */
export const readRules = (netns: SimNetns, which: NftTable & { readonly chain: string }): readonly NftRule[] =>
  (tableOf(netns, which)?.chains.get(which.chain)?.rules ?? []).map((rule) => ({
    handle: handleOf(rule),
    comment: rule.comment ?? null,
    values: rule.exprs.flatMap(valuesOf),
  }));

const leadsTo = (chain: string) => (expr: NftExpr): boolean =>
  expr.expr === "verdict" && "chain" in expr && expr.chain === chain;

const removeChain = ({ chains }: SimTable, name: string, undo: (() => void)[]): void => {
  const found = chains.get(name);
  if (found === undefined) return;
  const isUsed = [...chains].some(([other, { rules }]) =>
    other !== name && rules.some(({ exprs }) => exprs.some(leadsTo(name)))
  );
  if (isUsed) refuse("EBUSY");
  chains.delete(name);
  undo.push(() => chains.set(name, found));
};

/** Removes a rule or a chain; what is absent, or has another comment, is left alone. */
export const removeObject = (netns: SimNetns, command: Removal, undo: (() => void)[]): void => {
  const table = tableOf(netns, command);
  if (table === undefined) return;
  if (command.remove === "chain") return removeChain(table, command.chain, undo);
  const rules = table.chains.get(command.chain)?.rules ?? [];
  const at = rules.findIndex((rule) => handleOf(rule) === command.handle && rule.comment === command.comment);
  if (at < 0) return;
  const [found] = rules.splice(at, 1);
  if (found !== undefined) undo.push(() => rules.splice(at, 0, found));
};
