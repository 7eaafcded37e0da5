/** nf_tables of a simulated namespace: atomic batches over tables, chains, rules, sets and elements. */
import { parseIp } from "../../../spec/cidr.ts";
import {
  MAX_COMMENT_BYTES,
  type NftCommand,
  type NftElement,
  type NftField,
  type NftTable,
  type NftType,
  type NftVerdict,
} from "../nft.ts";
import { canonicalIp, elementKey, sameElementValue } from "../same.ts";
import { removeObject } from "./nft_list.ts";
import { refuse } from "./refusal.ts";
import type { SimNetns, SimSet, SimTable } from "./state.ts";

type Add<What extends string> = Extract<NftCommand, { readonly add: What }>;

/** Takes back what a batch has done so far. */
type Undo = (() => void)[];

/** What fits of a comment, cut between characters. */
const cut = (comment: string): string => {
  let text = "";
  let bytes = 0;
  for (const character of comment) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > MAX_COMMENT_BYTES) break;
    text += character;
  }
  return text;
};

const commentOf = ({ comment }: { readonly comment?: string }): string | null =>
  comment === undefined ? null : cut(comment);

const tableKey = ({ family, table }: NftTable): string => `${family} ${table}`;

const tableOf = (netns: SimNetns, which: NftTable): SimTable => netns.tables.get(tableKey(which)) ?? refuse("ENOENT");

const put = <V>(map: Map<string, V>, key: string, value: V, undo: Undo): void => {
  map.set(key, value);
  undo.push(() => map.delete(key));
};

const addTable = (netns: SimNetns, command: Add<"table">, undo: Undo): void => {
  const key = tableKey(command);
  if (netns.tables.has(key)) return command.exclusive ? refuse("EEXIST") : undefined;
  put(netns.tables, key, { comment: commentOf(command), chains: new Map(), sets: new Map() }, undo);
};

const addChain = (netns: SimNetns, command: Add<"chain">, undo: Undo): void => {
  const { chains } = tableOf(netns, command);
  if (chains.has(command.chain)) return command.exclusive ? refuse("EEXIST") : undefined;
  put(chains, command.chain, { hook: command.hook ?? null, comment: commentOf(command), rules: [] }, undo);
};

const addSet = (netns: SimNetns, command: Add<"set">, undo: Undo): void => {
  const { sets } = tableOf(netns, command);
  const made: SimSet = {
    key: command.key,
    value: command.value ?? null,
    comment: commentOf(command),
    elements: new Map(),
  };
  const present = sets.get(command.set);
  if (present === undefined) return put(sets, command.set, made, undo);
  const same = JSON.stringify([present.key, present.value]) === JSON.stringify([made.key, made.value]);
  if (!same) refuse("EEXIST");
};

const checkVerdict = (table: SimTable, verdict: NftVerdict): void => {
  if ("chain" in verdict && !table.chains.has(verdict.chain)) refuse("ENOENT");
};

const addRule = (netns: SimNetns, command: Add<"rule">, undo: Undo): void => {
  const table = tableOf(netns, command);
  const chain = table.chains.get(command.chain) ?? refuse("ENOENT");
  for (const expr of command.exprs) {
    if (expr.expr === "lookup" && !table.sets.has(expr.set)) refuse("ENOENT");
    if (expr.expr === "verdict") checkVerdict(table, expr);
  }
  const { comment: _, ...rule } = command;
  const comment = commentOf(command);
  chain.rules.push(comment === null ? rule : { ...rule, comment });
  undo.push(() => chain.rules.pop());
};

const fits = (type: NftType, field: NftField): boolean => {
  switch (type) {
    case "ipv4_addr":
      return "ip" in field && parseIp(field.ip)?.family === 4;
    case "ipv6_addr":
      return "ip" in field && parseIp(field.ip)?.family === 6;
    case "ether_addr":
      return "mac" in field;
    case "inet_proto":
      return "protocol" in field;
    case "inet_service":
      return "port" in field;
    case "ifname":
      return "ifName" in field;
  }
};

const fitAll = (types: readonly NftType[], fields: readonly NftField[]): boolean =>
  types.length === fields.length &&
  types.every((type, at) => {
    const field = fields[at];
    return field !== undefined && fits(type, field);
  });

const checkValue = (table: SimTable, set: SimSet, value: NftElement["value"]): void => {
  if (value === undefined) return set.value === null ? undefined : refuse("EINVAL");
  if (!("verdict" in value)) {
    return set.value !== null && set.value !== "verdict" && fitAll(set.value, value) ? undefined : refuse("EINVAL");
  }
  if (set.value !== "verdict") refuse("EINVAL");
  checkVerdict(table, value);
};

const canonicalFields = (fields: readonly NftField[]): readonly NftField[] =>
  fields.map((field) =>
    "ip" in field ? { ip: canonicalIp(field.ip) } : "mac" in field ? { mac: field.mac.toLowerCase() } : field
  );

const canonicalValue = (value: NonNullable<NftElement["value"]>): NonNullable<NftElement["value"]> =>
  "verdict" in value ? value : canonicalFields(value);

/** The element as it reads back. */
const stored = ({ family, table, set, key, value, comment }: NftElement): NftElement => ({
  family,
  table,
  set,
  key: canonicalFields(key),
  ...(value === undefined ? {} : { value: canonicalValue(value) }),
  ...(comment === undefined ? {} : { comment: cut(comment) }),
});

const addElement = (netns: SimNetns, command: Add<"element">, undo: Undo): void => {
  const table = tableOf(netns, command);
  const set = table.sets.get(command.set) ?? refuse("ENOENT");
  if (!fitAll(set.key, command.key)) refuse("EINVAL");
  checkValue(table, set, command.value);
  const key = elementKey(command.key);
  if (set.elements.has(key)) refuse("EEXIST");
  put(set.elements, key, stored(command), undo);
};

const removeElement = (netns: SimNetns, command: NftElement, undo: Undo): void => {
  const elements = netns.tables.get(tableKey(command))?.sets.get(command.set)?.elements;
  const key = elementKey(command.key);
  const found = elements?.get(key);
  if (elements === undefined || found === undefined) return;
  if (command.value !== undefined && !sameElementValue(found.value, command.value)) return;
  elements.delete(key);
  undo.push(() => elements.set(key, found));
};

const run = (netns: SimNetns, command: NftCommand, undo: Undo): void => {
  if ("remove" in command) {
    return command.remove === "element" ? removeElement(netns, command, undo) : removeObject(netns, command, undo);
  }
  switch (command.add) {
    case "table":
      return addTable(netns, command, undo);
    case "chain":
      return addChain(netns, command, undo);
    case "set":
      return addSet(netns, command, undo);
    case "rule":
      return addRule(netns, command, undo);
    case "element":
      return addElement(netns, command, undo);
    default:
      return command satisfies never;
  }
};

/** Carries out all commands or none. ENOENT for what is missing, EEXIST for what is taken, EINVAL for what does not fit. */
export const applyNft = (netns: SimNetns, commands: readonly NftCommand[]): void => {
  const undo: Undo = [];
  try {
    for (const command of commands) run(netns, command, undo);
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
};

/** The element with that key, or null. */
export const readElement = (netns: SimNetns, which: NftElement): NftElement | null =>
  netns.tables.get(tableKey(which))?.sets.get(which.set)?.elements.get(elementKey(which.key)) ?? null;
