/** Whether routes and the rules that choose them are as an op left them. */
import * as Effect from "effect/Effect";
import { isDefaultRoute } from "../../spec/cidr.ts";
import { MAIN_TABLE, sideTables } from "../../spec/routing.ts";
import { type Findings, FINE, listed, where } from "./finding.ts";
import type { HostError, HostView, PolicyRule, Route } from "./host.ts";
import type { Op } from "./op.ts";
import { canonicalPrefix, isRuleOf, metricOf, sameRoute } from "./same.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;
type Looked = Effect.Effect<Findings, HostError>;

type Way = Pick<Route, "gw" | "metric" | "src"> & { readonly link: string };

/** Which way a route leads, in one text. */
const wayText = ({ gw, link, metric, src }: Way): string =>
  `via ${gw ?? "no gateway"} over ${link} with metric ${metric}${src === undefined ? "" : ` from ${src}`}`;

const familyOf = ({ dst }: Of<"route.add">): 4 | 6 => dst.includes(":") ? 6 : 4;

/**
 * Whether a later plugin of the chain has taken a route of the main table to a table that the packets concerned are led
 * to: sbr by a rule, vrf by the link's domain. There it counts; so does a default route by another gateway.
 */
const isAside = Effect.fnUntraced(function* (op: Of<"route.add">, view: HostView) {
  if ((op.table ?? MAIN_TABLE) !== MAIN_TABLE) return false;
  const tables = sideTables(yield* view.policyRules(op.on, familyOf(op)), yield* view.links(op.on));
  if (tables.size === 0) return false;
  return (yield* view.routes(op.on, familyOf(op))).some((route) => {
    const { table } = route;
    if (!tables.has(table)) return false;
    return sameRoute(route, { ...op, table }) ||
      (isDefaultRoute(op.dst) && isDefaultRoute(route.dst) && route.link === op.link);
  });
});

/** A route is there, in its table or, of the main one, in one beside it. */
export const checkRoute = Effect.fnUntraced(function* (op: Of<"route.add">, view: HostView) {
  const table = op.table ?? MAIN_TABLE;
  const routes = yield* view.routes(op.on, familyOf(op), table);
  if (routes.some((route) => sameRoute(route, op)) || (yield* isAside(op, view))) return FINE;
  const dst = canonicalPrefix(op.dst);
  const others = routes.filter((route) => route.dst === dst)
    .map(({ link, ...route }) => wayText({ ...route, link: link ?? "no link" }));
  const expected = wayText({ ...op, gw: op.gw ?? null, metric: metricOf(op) });
  return [`route to ${dst} in table ${table} ${where(op.on)}: expected ${expected}, found ${listed(others)}`];
});

const ruleText = ({ table, priority }: Pick<PolicyRule, "table" | "priority">): string =>
  `table ${table} with priority ${priority}`;

/** A rule is there, with its table and priority. */
export const checkRule = (op: Of<"rule.add">, view: HostView): Looked =>
  Effect.map(view.policyRules(op.on, op.from.includes(":") ? 6 : 4), (rules) => {
    if (rules.some((rule) => isRuleOf(rule, op))) return FINE;
    const from = canonicalPrefix(op.from);
    const found = rules.filter((rule) => rule.plain && rule.from === from).map(ruleText);
    return [`rule for ${from} ${where(op.on)}: expected ${ruleText(op)}, found ${listed(found)}`];
  });
