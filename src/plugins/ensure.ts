/** Changes that look first: what is already as wanted is left alone and leaves nothing in the log. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { Side } from "../effects/kernel/op.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";

/** One file below /proc/sys, `key` with slashes. */
interface Setting {
  readonly on: Side;
  readonly key: string;
  readonly value: string;
}

/** Writes a sysctl unless it has that value already. Ends with `HostError` when it is missing or cannot be written. */
export const ensureSysctl: (setting: Setting) => Effect.Effect<void, EffectError, View | Act> = Effect.fnUntraced(
  function* (setting) {
    const view = yield* View;
    if ((yield* view.host.sysctl(setting.on, setting.key))?.trim() === setting.value) return;
    yield* perform({ op: "sysctl.write", ...setting });
  },
);

/**
 * The same for a setting the attachment works without: a kernel without that key (no IPv6, an older version) and a
 * read-only /proc are not worth a failed ADD.
 */
export const preferSysctl = (setting: Setting): Effect.Effect<void, EffectError, View | Act> =>
  Effect.catchTag(writeIfThere(setting), "HostError", () => Effect.void);

const writeIfThere = Effect.fnUntraced(function* (setting: Setting) {
  const view = yield* View;
  const now = yield* view.host.sysctl(setting.on, setting.key);
  if (now === null || now.trim() === setting.value) return;
  yield* perform({ op: "sysctl.write", ...setting });
});

/** Takes the errno that says "somebody else was faster" as success; every other error stays. */
export const orAlready = (errnos: ReadonlySet<string>) => <A, R>(act: Effect.Effect<A, EffectError, R>) =>
  Effect.catchTag(
    act,
    "HostError",
    (error: HostError) => errnos.has(error.errno) ? Effect.succeed(null) : Effect.fail(error),
  );

/** The errno of "it is there already". */
export const PRESENT: ReadonlySet<string> = new Set(["EEXIST"]);
