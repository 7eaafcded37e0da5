/** Picks the layers: the real kernel, the files of this machine. The doors and mod.ts are the only places that do. */
import * as Layer from "effect/Layer";
import { systemExecutables } from "../effects/exec_system.ts";
import { systemFiles } from "../effects/files_system.ts";
import { linuxKernel } from "../effects/kernel/linux/kernel.ts";
import { directoryLeases } from "../effects/leases/directory.ts";
import { fileEventStore } from "../effects/log/file.ts";
import { VERSION } from "../effects/program.ts";
import { systemOrigin } from "../effects/system.ts";
import type { Services } from "../engine/command.ts";
import { pluginsLayer, type Registry } from "../engine/invoke.ts";

/** Where Cleat keeps everything: root's place, CLEAT_STATE_DIR where set, the XDG state directory otherwise. */
export function stateDir(env: (name: string) => string | undefined, uid: number | null): string {
  const set = env("CLEAT_STATE_DIR");
  if (set) return set;
  if (uid === 0 || uid === null) return "/var/lib/cleat";
  return `${env("XDG_STATE_HOME") || `${env("HOME") ?? ""}/.local/state`}/cleat`;
}

/** All services of this machine, with the log and the census below `state`. */
export function systemLayer(state: string, registry: Registry): Layer.Layer<Services> {
  const store = fileEventStore(state).pipe(Layer.provideMerge(systemOrigin(VERSION)));
  const base = Layer.mergeAll(store, linuxKernel, directoryLeases({ stateDir: state }), systemFiles, systemExecutables);
  return pluginsLayer(registry).pipe(Layer.provideMerge(base));
}
