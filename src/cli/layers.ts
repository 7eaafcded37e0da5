/** Picks the layers: the real kernel, the files of this machine. The doors and mod.ts are the only places that do. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Dhcp, type DhcpError, type DhcpShape } from "../effects/dhcp/dhcp.ts";
import { Executables } from "../effects/exec.ts";
import { systemExecutables } from "../effects/exec_system.ts";
import { systemFiles } from "../effects/files_system.ts";
import { linuxKernel } from "../effects/kernel/linux/kernel.ts";
import { directoryLeases } from "../effects/leases/directory.ts";
import { fileNetworkLock } from "../effects/lock/file.ts";
import { fileEventStore } from "../effects/log/file.ts";
import { VERSION } from "../effects/program.ts";
import { systemOrigin } from "../effects/system.ts";
import { pluginsLayer } from "../engine/invoke.ts";
import type { Recipes } from "../engine/plugin.ts";
import type { Services } from "../runtime/services.ts";

/** Where Cleat keeps everything: root's place, CLEAT_STATE_DIR where set, the XDG state directory otherwise. */
export function stateDir(env: (name: string) => string | undefined, uid: number | null): string {
  const set = env("CLEAT_STATE_DIR");
  if (set) return set;
  if (uid === 0 || uid === null) return "/var/lib/cleat";
  return `${env("XDG_STATE_HOME") || `${env("HOME") ?? ""}/.local/state`}/cleat`;
}

/** Executables that keep their log where this process does: somebody else's plugin may start one of ours. */
const executables = (state: string): Layer.Layer<Executables> =>
  Layer.effect(Executables)(Effect.map(Executables, ({ find, run }) => ({
    find,
    run: (file, environment, stdin) => run(file, { ...environment, CLEAT_STATE_DIR: state }, stdin),
  }))).pipe(Layer.provide(systemExecutables));

/** The DHCP daemon's client, loaded when it is first needed: hardly any network has one. */
function dhcpClient(state: string): Layer.Layer<Dhcp> {
  const loaded = Effect.promise(async () => {
    const [{ dhcpOver }, { bookIn }] = await Promise.all([
      import("../effects/dhcp/dhcp_system.ts"),
      import("../effects/dhcp/book_system.ts"),
    ]);
    return dhcpOver(bookIn(state));
  });
  const use = <A>(ask: (dhcp: DhcpShape) => Effect.Effect<A, DhcpError>) => Effect.flatMap(loaded, ask);
  return Layer.succeed(Dhcp)({
    reach: (socket) => use(({ reach }) => reach(socket)),
    leases: (socket, of) => use(({ leases }) => leases(socket, of)),
    allocate: (socket, args) => use(({ allocate }) => allocate(socket, args)),
    release: (socket, key, args) => use(({ release }) => release(socket, key, args)),
  });
}

/** All services of this machine, with the log and the census below `state`. */
export function systemLayer(state: string, recipes: Recipes): Layer.Layer<Services> {
  const store = fileEventStore(state).pipe(Layer.provideMerge(systemOrigin(VERSION)));
  const leases = directoryLeases({ stateDir: state });
  const lock = fileNetworkLock(state);
  const base = Layer.mergeAll(store, linuxKernel, leases, dhcpClient(state), lock, systemFiles, executables(state));
  return pluginsLayer(recipes).pipe(Layer.provideMerge(base));
}
