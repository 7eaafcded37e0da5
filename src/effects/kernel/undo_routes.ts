/** Undoing rules, and giving back addresses and routes that are taken from a link which was there before the stream. */
import * as Effect from "effect/Effect";
import { addressOf, family } from "../../spec/cidr.ts";
import { addressKeys, BY_KERNEL, MAIN_TABLE, routeKeys } from "../../spec/routing.ts";
import { ABSENT, type HostView } from "./host.ts";
import type { Op } from "./op.ts";
import { canonicalPrefix, isRuleOf, sameAddress, sameRoute } from "./same.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;

/** The address as it is; one that nobody has objected to is not checked again, since routes may need it at once. */
export const restoreAddress = Effect.fnUntraced(function* (op: Of<"address.remove">, view: HostView) {
  const { on, link } = op;
  const found = (yield* view.addresses(on, link)).find(({ address }) => sameAddress(address, op.address));
  if (found === undefined) return null;
  const isChecked = family(found.address) === 6 && !found.tentative;
  return { op: "address.add" as const, on, link, ...addressKeys(found), ...(isChecked ? { noDad: true } : {}) };
});

/** The source that the kernel gives to the route to a network: the first address in it. */
const sourceOf = Effect.fnUntraced(function* ({ on, link, dst }: Of<"route.remove">, view: HostView) {
  const network = canonicalPrefix(dst);
  const first = (yield* view.addresses(on, link)).find(({ address }) =>
    family(address) === 4 && canonicalPrefix(address) === network
  );
  return first === undefined ? {} : { src: addressOf(first.address) };
});

/** The route with all that it has. A next hop of those that come and go together cannot be given back alone. */
export const restoreRoute = Effect.fnUntraced(function* (op: Of<"route.remove">, view: HostView) {
  const { on, link, byKernel, protocol = byKernel === true ? BY_KERNEL : undefined } = op;
  const routes = yield* view.routes(on, family(op.dst), op.table ?? MAIN_TABLE);
  const found = routes.find((route) => route.protocol === protocol && sameRoute(route, op));
  if (found === undefined || found.multipath === true) return null;
  const source = protocol === BY_KERNEL ? yield* sourceOf(op, view) : {};
  return { op: "route.add" as const, on, link, ...routeKeys(found), ...source };
});

/** A rule goes, unless it was there before. The host's are everybody's. */
export const undoRule = Effect.fnUntraced(function* (op: Of<"rule.add">, view: HostView) {
  if (op.on === "host") return null;
  const isThere = (yield* view.policyRules(op.on, family(op.from))).some((rule) => isRuleOf(rule, op));
  return isThere ? null : { ...op, op: "rule.remove" as const };
});

/** With these the kernel says that there is no ground for an address or a route any more, or that it is there. */
const NO_GROUND: ReadonlySet<string> = new Set([
  "EEXIST",
  "EINVAL",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EACCES",
]);

/**
 * Whether an undo that ended with this errno has done all it could: what it removes is not there, or what it gives back
 * lacks what it stood on, such as the link's address or its being up, which somebody has changed since.
 */
export const isUndone = (undo: Op, errno: string): boolean =>
  ABSENT.has(errno) || ((undo.op === "address.add" || undo.op === "route.add") && NO_GROUND.has(errno));
