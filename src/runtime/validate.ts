/** Whether a network could be used with the plugins that are installed. Nothing is run but VERSION. */
import * as Effect from "effect/Effect";
import type { Plugins } from "../engine/delegate.ts";
import { combine, CommandFailed } from "../engine/failure.ts";
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { DEFAULT_VERSION } from "../spec/released_versions.ts";
import { pluginVersions } from "./installed.ts";

/**
 * Whether every plugin of the list is there and speaks the list's version, which must be one it names to the letter.
 * Fails with all that is wrong; otherwise the answer is what the plugins want of the runtime: the names of their
 * capabilities, each once, sorted. `cniPath` is as in `Attachment`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, parseNetworkList, validateNetwork } from "@cleat/cleat";
 * const text = `{"name":"lab","cniVersion":"1.1.0","plugins":[
 *   {"type":"bridge","capabilities":{"mac":true}}, {"type":"no-such-plugin"}
 * ]}`;
 * const program = Effect.flatMap(parseNetworkList(text, "lab.conflist"), (lab) => validateNetwork(lab));
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(program, layer())));
 * if (!error.message.includes("no-such-plugin")) throw error;
 * ```
 */
export const validateNetwork = (
  list: NetworkList,
  cniPath = "",
): Effect.Effect<readonly string[], CommandFailed, Plugins> =>
  Effect.gen(function* () {
    const cniVersion = list.cniVersion || DEFAULT_VERSION;
    const failures: CniFailure[] = [];
    for (const { type } of list.plugins) {
      const asked = yield* Effect.result(pluginVersions(type, cniPath));
      if (asked._tag === "Failure") failures.push(asked.failure.failure);
      else if (!asked.success.includes(cniVersion)) {
        failures.push(unsupported(list.name, type, cniVersion, asked.success));
      }
    }
    const [first, ...others] = failures;
    if (first !== undefined) return yield* new CommandFailed({ failure: combine([first, ...others]) });
    const wanted = list.plugins.flatMap(({ capabilities }) => Object.entries(capabilities).filter(([, on]) => on));
    return [...new Set(wanted.map(([name]) => name))].sort();
  });

const unsupported = (network: string, type: string, cniVersion: string, speaks: readonly string[]): CniFailure => ({
  code: CniCode.INCOMPATIBLE_VERSION,
  msg: `Cannot use plugin "${type}" in network "${network}": "cniVersion": "${cniVersion}" is none of ${
    speaks.join(", ")
  }`,
});
