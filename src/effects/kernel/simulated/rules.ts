/** Rules that choose a table of routes. */
import { parseCidr } from "../../../spec/cidr.ts";
import type { PolicyRule } from "../host.ts";
import type { KernelOp } from "../op.ts";
import { canonicalPrefix, isRuleOf } from "../same.ts";
import { refuse } from "./refusal.ts";
import { kernelRule, type SimNetns, type SimRule } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

/** TABLE and priority of the rule that comes with the first VRF (vrf_add_fib_rules, drivers/net/vrf.c). */
const L3MDEV = { table: 0, priority: 1000 } as const;

const familyOf = (from: string): 4 | 6 => parseCidr(from)?.ip.family ?? refuse("EINVAL");

/** Behind those of its own priority (fib_nl_newrule, net/core/fib_rules.c). */
const insert = (netns: SimNetns, rule: SimRule): void => {
  const at = netns.rules.findIndex(({ priority }) => priority > rule.priority);
  netns.rules.splice(at < 0 ? netns.rules.length : at, 0, rule);
};

/** EEXIST for one that is there, and for one that must be alone where another leads to its table. */
export const addRule = (netns: SimNetns, op: Of<"rule.add">): void => {
  const family = familyOf(op.from);
  if (op.table === 0) refuse("EINVAL");
  const others = netns.rules.filter((rule) => rule.family === family);
  if (others.some((rule) => isRuleOf(rule, op))) refuse("EEXIST");
  if (op.alone === true && others.some(({ table }) => table === op.table)) refuse("EEXIST");
  const { priority, table } = op;
  insert(netns, { family, priority, from: canonicalPrefix(op.from), table, protocol: 0, plain: true });
};

/** ENOENT for one that is not there. */
export const removeRule = (netns: SimNetns, op: Of<"rule.remove">): void => {
  const family = familyOf(op.from);
  const found = netns.rules.find((rule) => rule.family === family && isRuleOf(rule, op)) ?? refuse("ENOENT");
  netns.rules = netns.rules.filter((rule) => rule !== found);
};

/** The rule that has links in a VRF looked up in its table. It stays when the last VRF has gone. */
export const addVrfRule = (netns: SimNetns): void => {
  for (const family of [4, 6] as const) {
    if (netns.rules.some((rule) => rule.family === family && isVrfRule(rule))) continue;
    insert(netns, kernelRule(family, L3MDEV.priority, L3MDEV.table, false));
  }
};

const isVrfRule = ({ priority, plain }: SimRule): boolean => priority === L3MDEV.priority && !plain;

/** The rules of a family. */
export const showRules = (netns: SimNetns, family: 4 | 6): readonly PolicyRule[] =>
  netns.rules.filter((rule) => rule.family === family).map(({ family: _, ...rule }) => rule);
