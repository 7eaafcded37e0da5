/** The layers of the doors, with everything that changes anything watched: a process can be stopped before or after each. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { systemLayer } from "../../src/cli/layers.ts";
import { Dhcp } from "../../src/effects/dhcp/dhcp.ts";
import { Executables } from "../../src/effects/exec.ts";
import { systemExecutables } from "../../src/effects/exec_system.ts";
import { Files } from "../../src/effects/files.ts";
import { Kernel } from "../../src/effects/kernel/host.ts";
import { Leases } from "../../src/effects/leases/leases.ts";
import { EventStore, type Stream } from "../../src/effects/log/store.ts";
import { pluginsLayer } from "../../src/engine/invoke.ts";
import { describeEvent, describeOp } from "../../src/machines/describe.ts";
import type { AttachmentEvent } from "../../src/machines/event.ts";
import { recipes } from "../../src/plugins/recipes.ts";
import type { Services } from "../../src/runtime/services.ts";

/** One thing that changes something: an append, a kernel request, a lease call, an execution, a file of the runtime's. */
export interface Step {
  readonly kind: "log" | "kernel" | "lease" | "exec" | "file";
  /** What it does, in the words of the log. */
  readonly words: string;
}

/** Told of every step as it is reached, and when it has been taken. What it does, the process waits for. */
export type Watch = (step: Step, when: "before" | "after") => Effect.Effect<void>;

/** What was answered is of no use in a table, and differs from run to run. */
const wordsOf = (event: AttachmentEvent): string => {
  switch (event.type) {
    case "effect.applied":
      return `#${event.id} done`;
    case "effect.intended":
      return `about to ${describeOp(event.op)}`;
    case "command.abandoned":
      return "the process before died";
    default:
      return describeEvent(event);
  }
};

const watching = (watch: Watch) => <A, E, R>(step: Step, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    yield* watch(step, "before");
    const exit: Exit.Exit<A, E> = yield* Effect.exit(run);
    yield* watch(step, "after");
    return yield* exit;
  });

type All = Services | Executables;

const services = (real: Context.Context<All>, watch: Watch): Context.Context<All> => {
  const taken = watching(watch);
  const stream = (open: Stream): Stream => ({
    ...open,
    append: (events) => {
      const words = `${open.id.slot}: ${events.map(wordsOf).join("; ")}`;
      return taken({ kind: "log", words }, open.append(events));
    },
    setAside: taken({ kind: "log", words: `${open.id.slot}: set the file aside` }, open.setAside),
  });
  const store = Context.get(real, EventStore);
  const kernel = Context.get(real, Kernel);
  const leases = Context.get(real, Leases);
  const dhcp = Context.get(real, Dhcp);
  const files = Context.get(real, Files);
  const executables = Context.get(real, Executables);
  return real.pipe(
    Context.add(EventStore, {
      ...store,
      open: (id, waitMs) => Effect.map(store.open(id, waitMs), stream),
    }),
    Context.add(Kernel, {
      removeLinks: (names) =>
        taken({ kind: "kernel", words: `delete links ${names.join(", ")} on the host` }, kernel.removeLinks(names)),
      open: (wanted) =>
        Effect.map(kernel.open(wanted), (host) => ({
          ...host,
          apply: (op) => taken({ kind: "kernel", words: describeOp(op) }, host.apply(op)),
        })),
    }),
    Context.add(Leases, {
      ...leases,
      apply: (op) => taken({ kind: "lease", words: describeOp(op) }, leases.apply(op)),
    }),
    Context.add(Dhcp, {
      ...dhcp,
      allocate: (socket, args) =>
        taken({ kind: "lease", words: `get a lease from the DHCP daemon at ${socket}` }, dhcp.allocate(socket, args)),
      release: (socket, key, args) =>
        taken(
          { kind: "lease", words: `give a lease back to the DHCP daemon at ${socket}` },
          dhcp.release(socket, key, args),
        ),
    }),
    Context.add(Files, {
      ...files,
      write: (path, content) => taken({ kind: "file", words: `write ${path}` }, files.write(path, content)),
      remove: (path) => taken({ kind: "file", words: `remove ${path}` }, files.remove(path)),
    }),
    Context.add(Executables, {
      ...executables,
      run: (file, environment, stdin) =>
        taken(
          { kind: "exec", words: `execute ${file} for ${environment.CNI_COMMAND ?? "VERSION"}` },
          executables.run(file, environment, stdin),
        ),
    }),
  );
};

/** The services of this machine with their state below `state`, as every door composes them, and watched. */
export const watchedLayer = (state: string, watch: Watch): Layer.Layer<Services> => {
  const real = Layer.merge(systemLayer(state, recipes), systemExecutables);
  const watched = Layer.effectContext(Effect.map(Effect.context<All>(), (all) => services(all, watch)));
  return pluginsLayer(recipes).pipe(Layer.provideMerge(watched), Layer.provide(real));
};
