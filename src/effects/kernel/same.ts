/** Whether what an op names and what the kernel shows are the same thing, however either is written. */
import { canonicalCidr, canonicalIp as canonical, formatCidr, networkOf, parseCidr } from "../../spec/cidr.ts";
import { DEFAULT_IPV6_METRIC, MAIN_TABLE } from "../../spec/routing.ts";
import type { PolicyRule, Route } from "./host.ts";
import type { NftElement, NftField } from "./nft.ts";
import type { KernelOp, RuleOp } from "./op.ts";

type RouteOp = Extract<KernelOp, { readonly op: "route.add" | "route.remove" }>;

/** The metric that the kernel shows for a route. */
export const metricOf = (op: Pick<RouteOp, "dst" | "metric">): number =>
  op.metric || (op.dst.includes(":") ? DEFAULT_IPV6_METRIC : 0);

/** The canonical text of an address; what is no address stays as it is. */
export const canonicalIp = (ip: string): string => canonical(ip) ?? ip;

/** The canonical text of a destination, host bits cleared as the kernel shows it; what is no prefix stays as it is. */
export const canonicalPrefix = (dst: string): string => {
  const parsed = parseCidr(dst);
  return parsed === null ? dst : formatCidr(networkOf(parsed));
};

/** Whether both texts are the same address. */
export const sameIp = (a: string, b: string): boolean => canonicalIp(a) === canonicalIp(b);

/** Whether both texts are the same address with the same prefix length. */
export const sameAddress = (a: string, b: string): boolean => (canonicalCidr(a) ?? a) === (canonicalCidr(b) ?? b);

/** Whether the route, or one next hop of it, is the one that the op names. */
export const sameRoute = (route: Route, op: RouteOp): boolean =>
  route.dst === canonicalPrefix(op.dst) &&
  (route.gw === null ? op.gw === undefined : op.gw !== undefined && sameIp(route.gw, op.gw)) &&
  route.link === op.link && route.metric === metricOf(op) && route.table === (op.table ?? MAIN_TABLE) &&
  (op.src === undefined || (route.src !== undefined && sameIp(route.src, op.src)));

/** Whether the rule is exactly the one that the op names: one with further conditions is another. */
export const isRuleOf = (rule: PolicyRule, op: Pick<RuleOp, "from" | "table" | "priority">): boolean =>
  rule.plain && rule.from === canonicalPrefix(op.from) && rule.table === op.table && rule.priority === op.priority;

/** One text for each value of a field; fields of different types never share one. */
const fieldKey = (field: NftField): string => {
  if ("ip" in field) return `ip ${canonicalIp(field.ip)}`;
  if ("mac" in field) return `mac ${field.mac.toLowerCase()}`;
  return Object.entries(field).flat().join(" ");
};

/** One text for each key of a set, to compare elements by. */
export const elementKey = (key: readonly NftField[]): string => key.map(fieldKey).join(" . ");

/** One text for each value of an element. */
const elementValue = (value: NftElement["value"]): string => {
  if (value === undefined) return "";
  if (!("verdict" in value)) return elementKey(value);
  return "chain" in value ? `${value.verdict} ${value.chain}` : value.verdict;
};

/** Whether two elements with the same key mean the same. */
export const sameElementValue = (a: NftElement["value"], b: NftElement["value"]): boolean =>
  elementValue(a) === elementValue(b);
