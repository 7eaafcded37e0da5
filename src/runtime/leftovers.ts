/** Undoing streams one by one, by what their logs say: the one way for all that no configuration leads to any more. */
import * as Effect from "effect/Effect";
import type { Services as EngineServices } from "../engine/command.ts";
import { type Call, Plugins } from "../engine/delegate.ts";
import { toCniFailure } from "../engine/failure.ts";
import { type LiveStream, liveStreams } from "../engine/live_streams.ts";
import { runCommand } from "../engine/run_command.ts";
import { typeOf } from "../engine/slot.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { type AttachmentKey, CHAIN_SLOT, type Slot } from "../spec/key.ts";
import { LATEST } from "../spec/released_versions.ts";
import { chain } from "./chain.ts";

/** How streams of an attachment are undone. */
export interface Undoing {
  /** CNI_NETNS for streams whose ADD is not known. */
  readonly netns?: string;
  /** Where foreign plugins are searched; where they were at the time of ADD, if it is empty. */
  readonly path?: string;
  /** Version for streams whose ADD is not known. */
  readonly cniVersion?: string;
  /** What the decision was made from: later lives of the streams are left alone. */
  readonly asOf?: ReadonlyMap<Slot, number>;
  /** The streams that are meant. */
  readonly wanted: (slot: Slot) => boolean;
}

/** A chain knows the order of all its plugins, `cleat` that of its own. */
const rankOf = ({ id: { slot } }: LiveStream): number => slot === CHAIN_SLOT ? 0 : typeOf(slot) === "cleat" ? 1 : 2;

/** Chains first, then the last to end its ADD: it was later in the chain, or it ran the others. */
const inOrder = (a: LiveStream, b: LiveStream): number =>
  rankOf(a) - rankOf(b) || (a.at < b.at ? 1 : a.at > b.at ? -1 : 0);

/**
 * DEL of one stream, in this process: its log is ours, whatever is in CNI_PATH by now. Only a plugin that this version
 * does not have is searched there, or where it was.
 */
const undo = ({ id: { slot }, add }: LiveStream, call: Call, fallback: JsonObject) =>
  Effect.gen(function* () {
    const config = add?.config ?? fallback;
    if (slot === CHAIN_SLOT) {
      const cniVersion = typeof config.cniVersion === "string" ? config.cniVersion : LATEST;
      return yield* runCommand(chain, { ...call, verb: "DEL", raw: config, cniVersion });
    }
    const plugins = yield* Plugins;
    const found = yield* Effect.result(plugins.find(typeOf(slot), ""));
    const path = found._tag === "Success" ? "" : call.path || (add?.path ?? "");
    return yield* plugins.invoke({ ...call, path, plugin: typeOf(slot), command: "DEL", config });
  });

/**
 * DEL of the streams that are meant and still live, each once, whatever becomes of the others; what one undoes of
 * another is not done twice. Answers what failed.
 */
export const undoStreams = (
  key: AttachmentKey,
  { netns = "", path = "", cniVersion = LATEST, asOf, wanted }: Undoing,
): Effect.Effect<readonly CniFailure[], never, EngineServices> =>
  Effect.gen(function* () {
    const failures: CniFailure[] = [];
    const tried = new Set<Slot>();
    for (;;) {
      const live = yield* Effect.result(liveStreams(key, ({ slot }) => wanted(slot) && !tried.has(slot)));
      if (live._tag === "Failure") return [...failures, toCniFailure(live.failure)];
      const next = live.success.toSorted(inOrder)[0];
      if (next === undefined) return failures;
      tried.add(next.id.slot);
      const call = { key, netns, allowOwnNetns: false, args: "", path, ...(asOf === undefined ? {} : { asOf }) };
      const fallback = { cniVersion, name: key.network, type: typeOf(next.id.slot) };
      const asked = yield* Effect.result(undo(next, call, fallback));
      if (asked._tag === "Failure") failures.push(asked.failure.failure);
    }
  });
