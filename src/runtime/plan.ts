/** What ADD of a network would do: its recipes run on a copy of the machine, and nothing is written. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Dhcp, DhcpError } from "../effects/dhcp/dhcp.ts";
import { ExecError, Executables } from "../effects/exec.ts";
import { Files } from "../effects/files.ts";
import { Kernel } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { plannedKernel } from "../effects/kernel/planned.ts";
import { plannedLeases } from "../effects/leases/planned.ts";
import { memoryEventStore } from "../effects/log/memory.ts";
import { EventStore } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import type { Services as EngineServices } from "../engine/command.ts";
import { Plugins } from "../engine/delegate.ts";
import { CommandFailed, toCniFailure } from "../engine/failure.ts";
import { pluginsLayer } from "../engine/invoke.ts";
import { runCommand } from "../engine/run_command.ts";
import { decide } from "../machines/decide.ts";
import type { AttachmentEvent } from "../machines/event.ts";
import { foldLegal } from "../machines/evolve.ts";
import { recipes } from "../plugins/recipes.ts";
import type { CniFailure } from "../spec/failure.ts";
import { isJsonObject, jsonOf } from "../spec/json.ts";
import { CHAIN_SLOT, type Slot } from "../spec/key.ts";
import type { NetworkList } from "../spec/network_list.ts";
import type { CniResult } from "../spec/result.ts";
import { type Attachment, commandFor } from "./attachment.ts";
import { chain } from "./chain.ts";

/** One change that ADD would make, and what would take it back. */
export interface PlannedStep {
  /** Whose it is: the plugin's slot, `@chain` for the runtime's own. */
  readonly slot: Slot;
  /** The change. */
  readonly op: Op;
  /** Null for what goes with something else, or is shared and stays. */
  readonly undo: Op | null;
}

/** A plugin of somebody else, which is not run. */
export interface NotRun {
  /** Its type. */
  readonly plugin: string;
  /** Its executable. */
  readonly file: string;
}

/** What ADD would do. */
export interface Plan {
  /** In the order in which they would be made. */
  readonly steps: readonly PlannedStep[];
  /** Taken to pass on the result that they are given; what they do is not known. */
  readonly notRun: readonly NotRun[];
  /** What ADD would answer, with placeholders for MAC addresses that the kernel makes up; null where it would fail. */
  readonly result: CniResult | null;
  /** Why the plan ends early, or null. */
  readonly failure: CniFailure | null;
}

/** Finds what is there; what is not ours passes the result on that it is given. Without one there is no going on. */
const notRunning = (notRun: NotRun[]) =>
  Layer.effect(Executables)(Effect.map(Plugins, (plugins) => {
    const files = new Map<string, string>();
    return Executables.of({
      find: (plugin, path) =>
        Effect.matchEffect(plugins.find(plugin, path), {
          onFailure: ({ message }) => Effect.fail(new ExecError({ plugin, reason: "not found", detail: message })),
          onSuccess: (found) => {
            if (!found.ours) files.set(found.file, plugin);
            return Effect.succeed(found);
          },
        }),
      run: (file, { CNI_COMMAND: verb }, stdin) => {
        const plugin = files.get(file) ?? file;
        const config = jsonOf(stdin);
        const given = isJsonObject(config) ? config.prevResult : undefined;
        if (verb === "ADD") notRun.push({ plugin, file });
        if (verb !== "ADD" || given !== undefined) {
          const stdout = verb === "ADD" ? JSON.stringify(given) : "";
          return Effect.succeed({ code: 0, signal: null, stdout, stderr: "" });
        }
        const detail = "a plan does not run the plugins of others, and nothing is known of the result of this one";
        return Effect.fail(new ExecError({ plugin, reason: "not startable", detail }));
      },
    });
  }));

/** Files are read as they are; nothing is written. */
const readingOnly = Layer.effect(Files)(
  Effect.map(Files, (files) => Files.of({ ...files, write: () => Effect.void, remove: () => Effect.void })),
);

/** What others hold is seen; no DHCP server is asked for an address. */
const withoutDhcp = Layer.effect(Dhcp)(
  Effect.map(Dhcp, (dhcp) =>
    Dhcp.of({
      ...dhcp,
      allocate: (socket) =>
        Effect.fail(new DhcpError({ socket, reason: "refused", detail: "a plan asks no DHCP server for an address" })),
      release: () => Effect.succeed(true),
    })),
);

/** The engine's services for a plan, over those of the machine. */
const plannedServices = (
  notRun: NotRun[],
  onIntended: (slot: Slot, event: Extract<AttachmentEvent, { type: "effect.intended" }>) => void,
): Layer.Layer<EngineServices, never, Kernel | Files | Origin | Plugins | Dhcp> => {
  const log = memoryEventStore({
    onAppend: (phase, { slot }, events) => {
      for (const event of phase === "after" ? events : []) {
        if (event.type === "effect.intended") onIntended(slot, event);
      }
    },
  });
  const origin = Layer.effect(Origin)(Origin);
  const base = Layer.mergeAll(
    log.layer.pipe(Layer.provideMerge(origin)),
    plannedKernel,
    plannedLeases,
    readingOnly,
    withoutDhcp,
    notRunning(notRun),
  );
  return pluginsLayer(recipes).pipe(Layer.provideMerge(base));
};

/** What the log says speaks before the plan: an attachment that is there is not attached again. */
const decided = Effect.fnUntraced(function* (list: NetworkList, { containerId, ifName }: Attachment) {
  const store = yield* EventStore;
  const read = yield* Effect.result(store.read({ network: list.name, containerId, ifName, slot: CHAIN_SLOT }));
  if (read._tag === "Failure") return yield* new CommandFailed({ failure: toCniFailure(read.failure) });
  const who = `"${containerId}" (interface "${ifName}" on "${list.name}")`;
  const { snapshot } = foldLegal(read.success.records);
  // What else may be there is an earlier attempt's, which ADD undoes first.
  const isThere = snapshot.value === "attached" || snapshot.value === "drifted";
  const decision = isThere ? decide(snapshot, "ADD", who) : null;
  if (decision?.decision === "refuse") return yield* new CommandFailed({ failure: decision.failure });
});

/**
 * The changes that `attach` would make. They are found by running the same recipes on a copy of the machine as it is
 * now; neither log nor leases nor cache are written, no lock is taken, and the plugins of others are named, not run.
 * What only the real kernel can refuse is not found. Ends with `CommandFailed` where ADD would not even begin.
 *
 * @example
 * ```ts ignore
 * import * as Effect from "effect/Effect";
 * import { layer, loadNetwork, plan } from "@cleat/cleat";
 *
 * const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" };
 * const program = Effect.flatMap(loadNetwork("/etc/cni/net.d", "dbnet"), (dbnet) => plan(dbnet, blue));
 * const { steps } = await Effect.runPromise(Effect.provide(program, layer()));
 * ```
 */
export const plan = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<Plan, CommandFailed, EngineServices> =>
  Effect.gen(function* () {
    const command = yield* commandFor("ADD", list, attachment);
    yield* decided(list, attachment);
    const steps: PlannedStep[] = [];
    const notRun: NotRun[] = [];
    const services = plannedServices(notRun, (slot, { op, undo }) => void steps.push({ slot, op, undo }));
    const ended = yield* Effect.result(Effect.provide(runCommand(chain, command), services, { local: true }));
    return ended._tag === "Success"
      ? { steps, notRun, result: ended.success, failure: null }
      : { steps, notRun, result: null, failure: ended.failure.failure };
  });
