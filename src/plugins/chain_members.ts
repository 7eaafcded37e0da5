/**
 * The plugins of a chain and what each verb asks of them: what the chain of a runtime and the plugin `cleat`, which is a
 * chain within a chain, have in common.
 */
import * as Effect from "effect/Effect";
import type { InvokeOp } from "../effects/kernel/op.ts";
import { perform } from "../engine/act.ts";
import { View } from "../engine/view.ts";
import { deriveRequestConfig } from "../spec/derive_request.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";

/** A plugin of the chain, with its way to a request config. */
export interface Member {
  readonly type: string;
  /** The request config for a verb of one attachment (CNI spec 1.1.0, section 4, "Deriving request configuration"). */
  readonly config: (
    verb: "ADD" | "CHECK" | "DEL" | "STATUS",
    prevResult: CniResult | null,
  ) => Effect.Effect<JsonObject, Refused>;
}

/** The plugins of a list, in the order of ADD; `capabilityArgs` is what the container asks for. */
export const membersOf = (
  list: Pick<NetworkList, "name" | "cniVersion" | "plugins">,
  capabilityArgs: JsonObject,
): readonly Member[] =>
  list.plugins.map((plugin) => ({
    type: plugin.type,
    config: (command, result) =>
      Effect.map(
        result === null ? Effect.succeed(null) : renderResult(result, result.cniVersion),
        (prevResult) => deriveRequestConfig(list, plugin, { command, capabilityArgs, prevResult }),
      ),
  }));

/**
 * ADD of every plugin, each with the result of the one before, the first with `prevResult`. Answers the last result.
 * Ends with the failure of a plugin, or `Refused` (code 6) when one printed no result.
 */
export const addMembers = Effect.fnUntraced(function* (members: readonly Member[], prevResult: CniResult | null) {
  let previous = prevResult;
  for (const { type, config } of members) {
    const answer: CniResult | null = yield* perform({
      op: "plugin.invoke",
      plugin: type,
      command: "ADD",
      config: yield* config("ADD", previous),
    });
    if (answer === null) {
      return yield* new Refused({
        code: CniCode.DECODING_FAILURE,
        msg: `Cannot use the result of plugin "${type}": it printed none`,
      });
    }
    previous = answer;
  }
  return previous;
});

/** The ops that remove what the plugins made: DEL of each, the last first. */
export const removeMembers = Effect.fnUntraced(function* (members: readonly Member[], prevResult: CniResult | null) {
  const ops: InvokeOp[] = [];
  for (const { type, config } of members.toReversed()) {
    // A result that was read in its version can be told in it.
    ops.push({
      op: "plugin.invoke",
      plugin: type,
      command: "DEL",
      config: yield* Effect.orDie(config("DEL", prevResult)),
    });
  }
  return ops;
});

/** Asks every plugin whether it is ready, until one is not. */
export const askStatus = Effect.fnUntraced(function* (members: readonly Member[]) {
  const view = yield* View;
  for (const { type, config } of members) yield* view.ask(type, "STATUS", yield* config("STATUS", null));
});
