/** Both sides of one attachment in the simulated kernel: `HostShape`. */
import * as Effect from "effect/Effect";
import { type CreatedLink, HostError, type HostShape, type HostView } from "../host.ts";
import type { KernelOp, Side } from "../op.ts";
import { applyOp } from "./apply.ts";
import { isOperational, operStateOf } from "./carrier.ts";
import { showAddress, showLink, showNeighbours, showRoute } from "./look.ts";
import { iptablesChains, iptablesRules } from "./iptables.ts";
import { readElement } from "./nft.ts";
import { readChains, readElements, readRules } from "./nft_list.ts";
import { Refusal, refuse } from "./refusal.ts";
import { linkTowards } from "./routes.ts";
import { showRules } from "./rules.ts";
import type { SimLink, SimNetns, SimWorld } from "./state.ts";
import { readSysctl } from "./sysctl.ts";
import { showClass, showFilters, showQdisc } from "./tc.ts";
import { listVlans } from "./vlans.ts";

/** What an error says was being done, and to what. */
const describe = (op: KernelOp): { readonly doing: string; readonly subject: string } => {
  const doing = op.op.split(".").reverse().join(" ");
  switch (op.op) {
    case "sysctl.write":
      return { doing, subject: op.key };
    case "nft.apply":
      return { doing, subject: op.commands.map((command) => `${command.family} ${command.table}`)[0] ?? "nothing" };
    case "conntrack.flush":
      return { doing, subject: `${op.protocol} port ${op.port}` };
    case "iptables.delete":
      return { doing, subject: op.chain };
    case "iptables.open":
    case "iptables.close":
      return { doing, subject: op.addresses.join(", ") };
    case "firewalld.add":
    case "firewalld.remove":
      return { doing, subject: `${op.source} in zone ${op.zone}` };
    case "address.add":
    case "address.remove":
      return { doing, subject: `${op.address} on ${op.link}` };
    case "route.add":
    case "route.remove":
      return { doing, subject: `${op.dst} over ${op.link}` };
    case "rule.add":
    case "rule.remove":
      return { doing, subject: `${op.from} to table ${op.table}` };
    case "neighbour.add":
    case "neighbour.remove":
      return { doing, subject: `${op.ip} on ${op.link}` };
    case "qdisc.add":
    case "qdisc.delete":
    case "class.add":
    case "filter.add":
      return { doing, subject: op.link };
    default:
      return { doing, subject: op.name };
  }
};

/** The refusal of an op as the service's error. */
export const hostError = (op: KernelOp, errno: string, extack?: string): HostError =>
  new HostError({ ...describe(op), errno, ...(extack === undefined ? {} : { extack }) });

/** What tests put between an op and its effect. */
export interface Hooks {
  /** Called before an op changes anything, and after it has; what it throws ends the fiber as a defect, like a crash. */
  readonly onApply: (op: KernelOp, phase: "before" | "after") => void;
  /** The errno this op is to fail with instead of being carried out, or null. */
  readonly failure: (op: KernelOp) => string | null;
}

/** Ends detection on an operational link: addresses somebody else has are found duplicate. */
const detect = (world: SimWorld, link: SimLink): "done" | "failed" | "timeout" => {
  const open = link.addresses.filter(({ tentative }) => tentative);
  if (open.length > 0 && !isOperational(link)) return "timeout";
  for (const address of open) {
    address.dadFailed = world.facts.duplicates.has(address.ip);
    // The kernel leaves IFA_F_TENTATIVE on a duplicate; it never becomes usable.
    address.tentative = address.dadFailed;
  }
  return link.addresses.some(({ dadFailed }) => dadFailed) ? "failed" : "done";
};

/** A look at a namespace that may be gone: then `absent`. */
type Look = <A>(on: Side, absent: A, look: (netns: SimNetns) => A) => Effect.Effect<A>;

const views = (world: SimWorld, container: SimNetns | null, look: Look): HostView => {
  const ofLink = <A>(on: Side, name: string, absent: A, show: (link: SimLink) => A) =>
    look(on, absent, (netns) => {
      const link = netns.links.get(name);
      return link === undefined ? absent : show(link);
    });
  const shown = (link: SimLink | null | undefined) => link ? showLink(link) : null;
  return {
    netns: container === null ? null : { path: container.path, cookie: container.cookie },
    link: (on, name) => ofLink(on, name, null, showLink),
    linkByIndex: (on, index) =>
      look(on, null, ({ links }) => shown([...links.values()].find((link) => link.index === index))),
    links: (on) => look(on, [], ({ links }) => [...links.values()].map(showLink)),
    addresses: (on, name) => ofLink(on, name, [], ({ addresses }) => addresses.map(showAddress)),
    routes: (on, family, table) =>
      look(
        on,
        [],
        ({ routes }) =>
          routes.filter((route) => route.family === family && (table === undefined || route.table === table))
            .map(showRoute),
      ),
    policyRules: (on, family) => look(on, [], (netns) => showRules(netns, family)),
    linkTowards: (on, ip) => look(on, null, (netns) => shown(linkTowards(netns, ip))),
    neighbours: (on, name) => ofLink(on, name, [], showNeighbours),
    vlans: (on, name) => ofLink(on, name, [], (link) => listVlans(world, link)),
    qdisc: (on, name, parent) => ofLink(on, name, null, (link) => showQdisc(link, parent)),
    trafficClass: (on, name, handle) => ofLink(on, name, null, (link) => showClass(link, handle)),
    filters: (on, name, handle) => ofLink(on, name, [], (link) => showFilters(link, handle)),
    sysctl: (on, key) => look(on, null, (netns) => readSysctl(netns, key)),
    element: (on, which) => look(on, null, (netns) => readElement(netns, which)),
    elements: (on, table, comment) => look(on, [], (netns) => readElements(netns, table, comment)),
    rules: (on, chain) => look(on, [], (netns) => readRules(netns, chain)),
    chains: (on, table) => look(on, [], (netns) => readChains(netns, table)),
    iptablesChains: (on, family, table) => look(on, [], (netns) => iptablesChains(netns, family, table)),
    iptablesRules: (on, family, table) => look(on, [], (netns) => iptablesRules(netns, family, table)),
    firewalldRuns: (on) => look(on, false, ({ firewalld }) => firewalld !== null),
    firewalldZone: (on, source) => look(on, null, ({ firewalld }) => firewalld?.get(source) ?? null),
    awaitUp: (on, name) => ofLink(on, name, false, (link) => operStateOf(link) === "up"),
    awaitDad: (on, name) => ofLink(on, name, "done", (link) => detect(world, link)),
  };
};

/** The service over a namespace pair; `container` answers null once the namespace is gone. */
export const simulatedHost = (world: SimWorld, container: SimNetns | null, hooks: Hooks): HostShape => {
  const isGone = () =>
    container !== world.host && (container === null || world.netns.get(container.path) !== container);
  const sideOf = (on: Side): SimNetns => {
    if (on === "host") return world.host;
    return container === null || isGone() ? refuse("ENOENT", "the network namespace is gone") : container;
  };
  const look: Look = (on, absent, show) =>
    Effect.sync(() => on === "container" && isGone() ? absent : show(sideOf(on)));
  const apply = (op: KernelOp): Effect.Effect<CreatedLink | undefined, HostError> =>
    Effect.suspend(() => {
      hooks.onApply(op, "before");
      const errno = hooks.failure(op);
      if (errno !== null) return Effect.fail(hostError(op, errno));
      try {
        const answer = applyOp(world, sideOf, op);
        hooks.onApply(op, "after");
        return Effect.succeed(answer);
      } catch (error) {
        if (error instanceof Refusal) return Effect.fail(hostError(op, error.errno, error.extack));
        throw error;
      }
    });
  return { ...views(world, container, look), apply };
};
