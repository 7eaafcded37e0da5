/**
 * Scripts of ops and looks, to be played to two hosts, and what each host answered. Answers leave out what differs
 * between machines that behave the same: indexes, MAC addresses that nobody chose, IPv6 link-local addresses, order,
 * and whether duplicate address detection has ended.
 */
import * as Effect from "effect/Effect";
import type { Address, HostError, HostShape, HostView, Link, Route } from "../../src/effects/kernel/host.ts";
import type { NftElement } from "../../src/effects/kernel/nft.ts";
import type { KernelOp, Side } from "../../src/effects/kernel/op.ts";
import type { Stage } from "./host_stage.ts";

/** A look at one thing. */
export type Look =
  | { readonly look: "link" | "addresses" | "neighbours" | "vlans"; readonly on: Side; readonly name: string }
  | { readonly look: "routes"; readonly on: Side; readonly family: 4 | 6; readonly table?: number }
  | { readonly look: "rules"; readonly on: Side; readonly family: 4 | 6 }
  | { readonly look: "towards"; readonly on: Side; readonly ip: string }
  | { readonly look: "qdisc" | "class" | "filters"; readonly on: Side; readonly name: string; readonly at: string }
  | { readonly look: "sysctl"; readonly on: Side; readonly key: string }
  | { readonly look: "element"; readonly on: Side; readonly which: NftElement };

/** Waits until the link has this operational state, or is gone. */
export interface Until {
  readonly until: string;
  readonly on: Side;
  readonly name: string;
}

/** The last process in the container's namespace ends. */
export type Loss = "the container goes";

/** A sentence that says what happens, and what happens. */
export type Step = readonly [name: string, does: KernelOp | Look | Until | Loss];

/** What one step was answered: "ok" or an errno for an op, what was seen for a look. */
export interface Outcome {
  readonly step: string;
  readonly answer: unknown;
}

/** Looks at all that matters of these links of a side, and at the side's routes. */
export const everything = (on: Side, ...names: readonly string[]): readonly Step[] => [
  ...names.flatMap((name): readonly Step[] => [
    [`the link ${name}`, { look: "link", on, name }],
    [`the addresses of ${name}`, { look: "addresses", on, name }],
    [`the neighbours of ${name}`, { look: "neighbours", on, name }],
  ]),
  [`the IPv4 routes of the ${on}`, { look: "routes", on, family: 4 }],
  [`the IPv6 routes of the ${on}`, { look: "routes", on, family: 6 }],
];

const byText = <T>(things: readonly T[]): readonly T[] =>
  things.map((thing) => [JSON.stringify(thing), thing] as const).toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([, thing]) => thing);

/** The same thing with its keys in order. */
const inOrder = (thing: object) => Object.fromEntries(Object.entries(thing).toSorted(([a], [b]) => a < b ? -1 : 1));

const isLinkLocal = (text: string): boolean => /^fe[89ab]/.test(text);

/** The MAC addresses that the script chose. */
const macsIn = (steps: readonly Step[]): ReadonlySet<string> =>
  new Set(JSON.stringify(steps).match(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g) ?? []);

const showLink = (link: Link, master: Link | null, macs: ReadonlySet<string>) => {
  const { index: _, mac, peer, over, ...shown } = link;
  return {
    ...shown,
    ...(over === undefined ? {} : { over: inOrder({ ...over, parent: over.parent === null ? "none" : "some" }) }),
    mac: macs.has(mac) ? mac : "any",
    master: master?.name ?? null,
    peer: peer === null ? "none" : "some",
  };
};

const showAddresses = (addresses: readonly Address[]) =>
  byText(addresses.filter(({ address }) => !isLinkLocal(address)).map(({ tentative: _, ...shown }) => shown));

const showRoutes = (routes: readonly Route[]) => byText(routes.filter(({ dst }) => !isLinkLocal(dst)).map(inOrder));

const lookAtLink = Effect.fnUntraced(function* (view: HostView, on: Side, name: string, macs: ReadonlySet<string>) {
  const link = yield* view.link(on, name);
  if (link === null) return null;
  return showLink(link, link.master === null ? null : yield* view.linkByIndex(on, link.master), macs);
});

const lookAtFilters = Effect.fnUntraced(function* (view: HostView, on: Side, name: string, handle: string) {
  const shown: unknown[] = [];
  for (const { redirect, ...filter } of yield* view.filters(on, name, handle)) {
    const target = redirect === null ? null : yield* view.linkByIndex(on, redirect);
    shown.push(inOrder({ ...filter, redirect: target?.name ?? (redirect === null ? "none" : "gone") }));
  }
  return shown;
});

const orderedOrNull = (thing: object | null) => thing === null ? null : inOrder(thing);

const see = (view: HostView, look: Look, macs: ReadonlySet<string>): Effect.Effect<unknown, HostError> => {
  switch (look.look) {
    case "link":
      return lookAtLink(view, look.on, look.name, macs);
    case "addresses":
      return Effect.map(view.addresses(look.on, look.name), showAddresses);
    case "neighbours":
      return Effect.map(
        view.neighbours(look.on, look.name),
        (neighbours) => byText(neighbours.filter(({ permanent }) => permanent)),
      );
    case "vlans":
      return Effect.map(view.vlans(look.on, look.name), byText);
    case "routes":
      return Effect.map(view.routes(look.on, look.family, look.table), showRoutes);
    case "rules":
      return Effect.map(view.policyRules(look.on, look.family), (rules) => rules.map(inOrder));
    case "towards":
      return Effect.map(view.linkTowards(look.on, look.ip), (link) => link?.name ?? null);
    case "qdisc":
      return Effect.map(view.qdisc(look.on, look.name, look.at), orderedOrNull);
    case "class":
      return Effect.map(view.trafficClass(look.on, look.name, look.at), orderedOrNull);
    case "filters":
      return lookAtFilters(view, look.on, look.name, look.at);
    case "sysctl":
      return view.sysctl(look.on, look.key);
    case "element":
      return Effect.map(view.element(look.on, look.which), orderedOrNull);
  }
};

/** "ok", or the errno. */
const act = (host: HostShape, op: KernelOp): string =>
  Effect.runSync(Effect.match(host.apply(op), { onSuccess: () => "ok", onFailure: ({ errno }) => errno }));

const answerTo = (stage: Stage, does: Step[1], macs: ReadonlySet<string>): unknown => {
  if (does === "the container goes") return stage.loseContainer();
  if ("until" in does) return stage.settle(does);
  if ("op" in does) return act(stage.host, does);
  return Effect.runSync(
    Effect.match(see(stage.host, does, macs), { onSuccess: (seen) => seen, onFailure: ({ errno }) => errno }),
  );
};

/** Plays a script to one host, in order, and answers what it was told. */
export async function runScript(stage: Stage, steps: readonly Step[]): Promise<readonly Outcome[]> {
  const macs = macsIn(steps);
  const outcomes: Outcome[] = [];
  for (const [step, does] of steps) outcomes.push({ step, answer: await answerTo(stage, does, macs) });
  return outcomes;
}

const lines = (answer: unknown): string =>
  Array.isArray(answer)
    ? `[${answer.map((one) => `\n      ${JSON.stringify(one)}`).join("")}]`
    : JSON.stringify(answer);

/** The steps at which both tell another story, one paragraph each; empty when they agree. */
export const disagreements = (twin: readonly Outcome[], kernel: readonly Outcome[]): readonly string[] =>
  twin.flatMap(({ step, answer }, at) => {
    const [says, told] = [lines(answer), lines(kernel[at]?.answer)];
    return says === told ? [] : [`step ${at + 1}, ${step}:\n    twin:   ${says}\n    kernel: ${told}`];
  });
