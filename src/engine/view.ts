/** Looking: all that plugins may see of the world. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { Host, HostError, type HostView } from "../effects/kernel/host.ts";
import { holds } from "../effects/kernel/holds.ts";
import type { Op } from "../effects/kernel/op.ts";
import { Dhcp, type DhcpView } from "../effects/dhcp/dhcp.ts";
import { type LeaseError, Leases, type LeasesView } from "../effects/leases/leases.ts";
import { Files } from "../effects/files.ts";
import type { JsonObject } from "../spec/json.ts";
import { type Call, type DelegateError, Plugins } from "./delegate.ts";

/** Reads the kernel, the pools, and asks other plugins; changes nothing. */
export interface ViewShape {
  readonly host: HostView;
  readonly leases: LeasesView;
  readonly dhcp: DhcpView;
  /** Runs CHECK or STATUS of another plugin with this request config, for the same attachment. */
  readonly ask: (plugin: string, command: "CHECK" | "STATUS", config: JsonObject) => Effect.Effect<void, DelegateError>;
  /** For CHECK of what the log does not know: what is not as this op would have left it, one sentence each. */
  readonly holds: (op: Op) => Effect.Effect<readonly string[], HostError | LeaseError>;
  /** Content of a text file outside the kernel (resolv.conf, an allow list), or null when there is none. */
  readonly file: (path: string) => Effect.Effect<string | null, HostError>;
}

/** What CHECK, STATUS and `adopt` run with, and the looking half of ADD. */
export class View extends Context.Service<View, ViewShape>()("cleat/View") {}

/** The looking half for one attachment, whose part of the execution protocol is given. */
export const viewFor = ({ key, netns, allowOwnNetns, args, path }: Call) =>
  Effect.gen(function* () {
    const host = yield* Host;
    const leases = yield* Leases;
    const dhcp = yield* Dhcp;
    const plugins = yield* Plugins;
    const files = yield* Files;
    return View.of({
      host,
      leases,
      dhcp,
      ask: (plugin, command, config) =>
        Effect.asVoid(plugins.invoke({ key, netns, allowOwnNetns, args, path, plugin, command, config })),
      holds: (op) => holds(op, host, leases),
      file: (path) =>
        Effect.mapError(
          files.read(path),
          ({ doing, detail }) => new HostError({ doing, subject: path, errno: detail }),
        ),
    });
  });
