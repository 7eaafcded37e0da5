/** The kernel for a plan: it looks at the real one, and changes a copy of it. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type HostShape, type HostView, Kernel } from "./host.ts";
import type { KernelOp, Side } from "./op.ts";
import { type Copy, copyHost } from "./simulated/copy.ts";
import { CopiedTables } from "./simulated/copy_nft.ts";
import { simulatedHost } from "./simulated/host.ts";

/** A plan in the making. */
interface Draft extends Copy {
  /** Values that were written over those of the machine, by side and key. */
  readonly sysctls: Map<string, string>;
  readonly tables: Readonly<Record<Side, CopiedTables>>;
}

const NO_HOOKS = { onApply: () => {}, failure: () => null };

const draftOf = (view: HostView, copy: Copy): Draft => ({
  ...copy,
  sysctls: new Map(),
  tables: {
    host: new CopiedTables(view, "host", copy.world.host),
    container: new CopiedTables(view, "container", copy.container ?? copy.world.host),
  },
});

/** A link that is only planned would begin with the defaults that its namespace has. */
const ofPlannedLink = Effect.fnUntraced(function* (real: HostView, copy: HostView, on: Side, key: string) {
  const value = yield* copy.sysctl(on, key);
  const standard = key.replace(/^(net\/ipv[46]\/conf)\/[^/]+\//, "$1/default/");
  return value === null || standard === key ? value : (yield* real.sysctl(on, standard)) ?? value;
});

/** Values that were written count; then what the machine has, and of links that are only planned their defaults. */
const lookWith = (real: HostView, copy: HostView, { sysctls, tables }: Draft): HostView => ({
  ...copy,
  netns: real.netns,
  sysctl: (on, key) => {
    const value = sysctls.get(`${on} ${key}`);
    if (value !== undefined) return Effect.succeed(value);
    return Effect.flatMap(
      real.sysctl(on, key),
      (found) => found === null ? ofPlannedLink(real, copy, on, key) : Effect.succeed(found),
    );
  },
  element: (on, which) => tables[on].knows(which) ? copy.element(on, which) : real.element(on, which),
  elements: real.elements,
  rules: real.rules,
  chains: (on, table) => tables[on].hasTable(table) ? copy.chains(on, table) : real.chains(on, table),
  iptablesChains: real.iptablesChains,
  iptablesRules: real.iptablesRules,
  firewalldRuns: real.firewalldRuns,
  firewalldZone: real.firewalldZone,
  // Nothing happens on a copy, however long one waits.
  awaitUp: () => Effect.succeed(true),
  awaitDad: () => Effect.succeed("done"),
});

const draftHost = (real: HostView, draft: Draft): HostShape => {
  const copy = simulatedHost(draft.world, draft.container, NO_HOOKS);
  const write = (op: Extract<KernelOp, { readonly op: "sysctl.write" }>) =>
    Effect.flatMap(real.sysctl(op.on, op.key), (found) => {
      const remember = () => void draft.sysctls.set(`${op.on} ${op.key}`, op.value);
      return Effect.tap(found === null ? copy.apply(op) : Effect.succeed(undefined), () => Effect.sync(remember));
    });
  const apply = (op: KernelOp): ReturnType<HostShape["apply"]> => {
    switch (op.op) {
      case "sysctl.write":
        return write(op);
      case "nft.apply":
        return Effect.andThen(draft.tables[op.on].prepare(op.commands), copy.apply(op));
      case "conntrack.flush":
      case "iptables.delete":
      case "iptables.open":
      case "iptables.close":
      case "firewalld.add":
      case "firewalld.remove":
        return Effect.succeed(undefined);
      default:
        return copy.apply(op);
    }
  };
  return { ...lookWith(real, copy, draft), apply };
};

/**
 * Namespaces open as on the machine below; what is applied changes a copy that all of them share, made when the first is
 * opened. Links, addresses, routes and settings behave as the simulated kernel says; what else is written is remembered,
 * and taken as accepted.
 */
export const plannedKernel: Layer.Layer<Kernel, never, Kernel> = Layer.effect(Kernel)(Effect.gen(function* () {
  const real = yield* Kernel;
  let draft: Draft | null = null;
  return {
    open: Effect.fnUntraced(function* (wanted) {
      const view = yield* real.open(wanted);
      draft ??= draftOf(view, yield* copyHost(view));
      return draftHost(view, draft);
    }),
    removeLinks: () => Effect.void,
  };
}));
