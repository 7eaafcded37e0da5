/** Plugins that run within each other, in one process: a circle among them would wait for itself. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { CniCode } from "../spec/failure.ts";
import type { Invocation } from "./delegate.ts";
import { CommandFailed } from "./failure.ts";

/** The invocations that the one at hand is part of. */
const Inside: Context.Reference<ReadonlySet<string>> = Context.Reference<ReadonlySet<string>>("cleat/Inside", {
  defaultValue: () => new Set(),
});

const nameOf = ({ plugin, key: { network, containerId, ifName } }: Invocation): string =>
  [network, containerId, ifName, plugin].join("/");

/**
 * Runs a plugin of ours for an invocation. Fails (code 7) when it is inside of itself, as with an `ipam` that names the
 * plugin it stands in: its log is locked by the outer one, and where there is no lock there would be no end.
 */
export const aloneInside = <A, R>(
  invocation: Invocation,
  run: Effect.Effect<A, CommandFailed, R>,
): Effect.Effect<A, CommandFailed, R> =>
  Effect.flatMap(Inside, (inside) => {
    const name = nameOf(invocation);
    if (!inside.has(name)) return Effect.provideService(run, Inside, new Set([...inside, name]));
    const { plugin, command } = invocation;
    const failure = {
      code: CniCode.INVALID_NETWORK_CONFIG,
      msg: `Cannot run ${command} of plugin "${plugin}": it is part of a run of "${plugin}", for which it would wait`,
      details: "a plugin cannot hand work on to itself",
    };
    return Effect.fail(new CommandFailed({ failure, didNothing: true }));
  });
