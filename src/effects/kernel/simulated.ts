/**
 * An in-memory twin of the kernel, for tests, plans and replay: the same service, the same errnos, no privileges. It tells
 * the same story as `linux/` for every op; where the two disagree, the kernel is right.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { JsonObject } from "../../spec/json.ts";
import { FORWARD } from "./forward.ts";
import { Kernel, NetnsError, type NetnsWanted } from "./host.ts";
import type { KernelOp } from "./op.ts";
import { applyOp } from "./simulated/apply.ts";
import { dumpWorld } from "./simulated/dump.ts";
import { type Hooks, simulatedHost } from "./simulated/host.ts";
import { putIptables } from "./simulated/iptables.ts";
import { deleteLink } from "./simulated/links.ts";
import { fallBack } from "./simulated/links_move.ts";
import { refuse } from "./simulated/refusal.ts";
import { makeNetns, putLink, type SimNetns, type SimWorld } from "./simulated/state.ts";

/** What a test may choose about the machine. */
export interface SimulatedOptions {
  /** Whether bridges can filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING); default true. */
  readonly vlanFiltering?: boolean;
  /** Kinds of links that the kernel does not have, such as "ipvlan"; default none. */
  readonly missing?: readonly string[];
  /** IPv6 addresses that somebody else in the network has: `awaitDad` finds them duplicate. */
  readonly duplicates?: readonly string[];
  /** The path of the host's own namespace, which ADD refuses; default `/proc/self/ns/net`. */
  readonly hostPath?: string;
  /** Whether firewalld runs on the host; default false. */
  readonly firewalld?: boolean;
  /** Called before and after each op; what it throws ends the fiber as a defect, like a crash of the process. */
  readonly onApply?: (op: KernelOp, phase: "before" | "after") => void;
}

/** The machine, with what no plugin may do to it. */
export interface SimulatedKernel {
  readonly layer: Layer.Layer<Kernel>;
  /** Makes an empty namespace at a path that is free; answers its cookie. */
  readonly addNetns: (path: string) => string;
  /** Puts hardware into the host: a link on a device of a bus, such as `pci/0000:00:04.0`. */
  readonly addDevice: (name: string, device: string, mac: string) => void;
  /** Removes a namespace as the last process in it ends: its links go, and the other ends of its veths. */
  readonly removeNetns: (path: string) => void;
  /** Everything, as a plain value with keys in order; equal values mean equal machines. */
  readonly dump: () => JsonObject;
  /** Changes the machine behind the log's back; `path` names the namespace that is the ops' container side. */
  readonly drift: (path: string | null, ...ops: readonly KernelOp[]) => void;
  /** Starts or ends firewalld on the host; its zones are empty then. */
  readonly setFirewalld: (runs: boolean) => void;
  /** Puts rules, each a list of words, into a chain of the host's NAT table of iptables, or ip6tables, as others do. */
  readonly putIptables: (family: 4 | 6, chain: string, ...rules: string[][]) => void;
  /** The same for the chain FORWARD of the table that filters. */
  readonly putForward: (family: 4 | 6, ...rules: string[][]) => void;
  /** Replaces the hook of the options. */
  readonly onApply: (hook: (op: KernelOp, phase: "before" | "after") => void) => void;
  /** Lets the next op of that name, or the next that fits, fail with this errno and change nothing. */
  readonly fail: (which: KernelOp["op"] | ((op: KernelOp) => boolean), errno: string) => void;
  /** Starts anew, as a reboot does: an empty host, no namespaces. Cookies are not used again. */
  readonly reboot: () => void;
}

/** The machine and what tests have put in its way. */
interface Machine {
  world: SimWorld;
  onApply: Hooks["onApply"];
  readonly failures: { readonly fits: (op: KernelOp) => boolean; readonly errno: string }[];
  cookie: number;
}

const makeHost = ({ hostPath = "/proc/self/ns/net", firewalld = false }: SimulatedOptions): SimNetns => {
  const host = makeNetns(hostPath, "1");
  if (firewalld) host.firewalld = new Map();
  return host;
};

const makeWorld = (options: SimulatedOptions): SimWorld => ({
  facts: {
    vlanFiltering: options.vlanFiltering ?? true,
    missing: new Set(options.missing),
    duplicates: new Set(options.duplicates),
  },
  host: makeHost(options),
  netns: new Map(),
  nextMac: 1,
});

/** The namespace that is wanted, or null where none is, or the recorded one is gone. */
const find = (world: SimWorld, wanted: NetnsWanted): Effect.Effect<SimNetns | null, NetnsError> => {
  if (wanted === null) return Effect.succeed(null);
  if ("recorded" in wanted) {
    const { recorded: { path, cookie }, refuseOwn = false } = wanted;
    if (refuseOwn && path === world.host.path) return Effect.succeed(null);
    const netns = path === world.host.path ? world.host : world.netns.get(path);
    return Effect.succeed(netns?.cookie === cookie ? netns : null);
  }
  const { path, allowOwn } = wanted;
  if (path === world.host.path) {
    return allowOwn ? Effect.succeed(world.host) : Effect.fail(new NetnsError({ path, reason: "own" }));
  }
  const netns = world.netns.get(path);
  return netns === undefined ? Effect.fail(new NetnsError({ path, reason: "missing" })) : Effect.succeed(netns);
};

/** The first failure that was ordered for such an op; it is used up. */
const takeFailure = ({ failures }: Machine, op: KernelOp): string | null => {
  const at = failures.findIndex(({ fits }) => fits(op));
  return at < 0 ? null : failures.splice(at, 1)[0]?.errno ?? null;
};

/** For the hook it is one op for each link, since that is what it stands for. */
const removeTogether = ({ world, onApply }: Machine, names: readonly string[]): void => {
  for (const name of names) {
    const link = world.host.links.get(name);
    if (link?.kind !== "veth" && link?.kind !== "ifb") continue;
    const op = { op: "link.delete", on: "host", name } as const;
    onApply(op, "before");
    deleteLink(link);
    onApply(op, "after");
  }
};

const layerOf = (machine: Machine): Layer.Layer<Kernel> => {
  const hooks: Hooks = {
    onApply: (op, phase) => machine.onApply(op, phase),
    failure: (op) => takeFailure(machine, op),
  };
  return Layer.succeed(Kernel, {
    open: (wanted) =>
      Effect.suspend(() =>
        Effect.map(find(machine.world, wanted), (netns) => simulatedHost(machine.world, netns, hooks))
      ),
    removeLinks: (names) => Effect.sync(() => removeTogether(machine, names)),
  });
};

const removeNetns = ({ netns, host }: SimWorld, path: string): void => {
  const gone = netns.get(path);
  if (gone === undefined) throw new Error(`Cannot remove network namespace "${path}": there is none`);
  for (const link of [...gone.links.values()]) {
    if (link.device !== null) fallBack(link, host);
    else if (link.kind !== null && gone.links.has(link.name)) deleteLink(link);
  }
  netns.delete(path);
};

/**
 * Makes a simulated machine.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { Kernel } from "./host.ts";
 * import { simulatedKernel } from "./simulated.ts";
 * const machine = simulatedKernel();
 * const before = JSON.stringify(machine.dump());
 * const program = Effect.gen(function* () {
 *   const host = yield* (yield* Kernel).open(null);
 *   yield* host.apply({ op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" } });
 *   return yield* host.link("host", "cni0");
 * });
 * const link = Effect.runSync(program.pipe(Effect.scoped, Effect.provide(machine.layer)));
 * if (link?.kind !== "bridge" || JSON.stringify(machine.dump()) === before) throw new Error("no bridge was made");
 * ```
 */
export const simulatedKernel = (options: SimulatedOptions = {}): SimulatedKernel => {
  const machine: Machine = {
    world: makeWorld(options),
    onApply: options.onApply ?? (() => {}),
    failures: [],
    cookie: 1,
  };
  return {
    layer: layerOf(machine),
    addNetns: (path) => {
      const { netns, host } = machine.world;
      if (netns.has(path) || path === host.path) throw new Error(`Cannot add network namespace "${path}": it is there`);
      const cookie = String(++machine.cookie);
      netns.set(path, makeNetns(path, cookie));
      return cookie;
    },
    addDevice: (name, device, mac) =>
      void putLink({ name, kind: null, netns: machine.world.host, mac, permanentMac: mac, device }),
    removeNetns: (path) => removeNetns(machine.world, path),
    dump: () => dumpWorld(machine.world),
    drift: (path, ...ops) => {
      const container = path === null ? undefined : machine.world.netns.get(path);
      const sideOf = (on: "host" | "container") => on === "host" ? machine.world.host : container ?? refuse("ENOENT");
      for (const op of ops) applyOp(machine.world, sideOf, op);
    },
    setFirewalld: (runs) => void (machine.world.host.firewalld = runs ? new Map() : null),
    putIptables: (family, chain, ...rules) => putIptables(machine.world.host, family, chain, rules),
    putForward: (family, ...rules) => putIptables(machine.world.host, family, FORWARD.base, rules, "filter"),
    onApply: (hook) => void (machine.onApply = hook),
    fail: (which, errno) => {
      const fits = typeof which === "function" ? which : (op: KernelOp) => op.op === which;
      machine.failures.push({ fits, errno });
    },
    reboot: () => void (machine.world = makeWorld(options)),
  };
};
