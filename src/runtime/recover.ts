/** Reclaiming what nobody will ask for any more: after a reboot, after a crash, after an undo that failed. */
import * as Effect from "effect/Effect";
import { EventStore, type LogError } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { combine, CommandFailed, toCniFailure } from "../engine/failure.ts";
import { notice } from "../engine/notice.ts";
import { typeOf } from "../engine/slot.ts";
import { describeOp } from "../machines/describe.ts";
import type { CniFailure } from "../spec/failure.ts";
import { type AttachmentKey, attachmentName, type Slot, type StreamId } from "../spec/key.ts";
import { removeDeadLinks } from "./dead_links.ts";
import { isLive, judge, type Life, owedBy, type StreamFacts, type Verdict } from "./judge.ts";
import { undoStreams } from "./leftovers.ts";
import { lifeOf } from "./life.ts";
import { prune } from "./prune.ts";
import { DEFAULT_CACHE_DIR, removeCache } from "./result_cache.ts";
import type { Services } from "./services.ts";
import { asOf, factsOfStreams } from "./stream_facts.ts";
import { ifFree } from "./turn.ts";

/** What is found of an attachment, and what became of it. */
export interface Reclaimed {
  /** Whose it is. */
  readonly attachment: AttachmentKey;
  /**
   * "dead": all of it was undone; "leftover": what a dead process or a failed undo had left was undone, the rest lives;
   * "alive", "held" by another process at the moment, "unclear" whether it is alive: nothing was done; "damaged": logs
   * that cannot be trusted, which wait for DEL.
   */
  readonly verdict: "dead" | "leftover" | "alive" | "held" | "unclear" | "damaged";
  /** The streams it is about. */
  readonly slots: readonly Slot[];
  /** Why it is judged so, as half a sentence. */
  readonly why: string;
  /** What was undone, one line each; in a dry run, what would be. */
  readonly undone: readonly string[];
  /** What could not be undone: it is owed, and the next DEL, GC or recovery tries again. */
  readonly failure: CniFailure | null;
}

/** How to reclaim. */
export interface ReclaimOptions {
  /** Where libcni's result cache is; `/var/lib/cni` by default. Entries of what is dead are removed. */
  readonly cacheDir?: string;
  /** Where foreign plugins are searched, joined by ":"; where they were at the time of ADD, if absent or empty. */
  readonly cniPath?: string;
  /** Only says what would be done. */
  readonly dryRun?: boolean;
  /** Called before each attachment that is undone, and after the last one. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How attachments are judged: by the log alone, or by the kernel as well. */
type LifeOf = (streams: readonly StreamFacts[]) => Effect.Effect<Life | null, never, Services>;

/** An attachment with its streams, and what is to become of it. */
interface Case {
  readonly key: AttachmentKey;
  readonly streams: readonly StreamFacts[];
  readonly verdict: Verdict;
}

const failed = (error: LogError): CommandFailed => new CommandFailed({ failure: toCniFailure(error) });

/** Looks at an attachment and judges it. */
const examine = (key: AttachmentKey, ids: readonly StreamId[], look: LifeOf, isDoomed = false) =>
  Effect.gen(function* () {
    const { boot } = yield* Origin;
    const streams = yield* factsOfStreams(ids, isDoomed);
    // Who has something of this boot in use is not dead by the log alone; only then is it worth while to ask.
    const byLog = judge(streams, boot);
    const asks = byLog.verdict === "alive" || byLog.verdict === "leftover";
    const verdict = asks ? judge(streams, boot, yield* look(streams)) : byLog;
    return { key, streams, verdict } satisfies Case;
  });

/** The streams that agree with the filter. */
const listed = (filter: Partial<AttachmentKey>) =>
  Effect.flatMap(EventStore, (store) => Effect.mapError(store.list(filter), failed));

/** The streams of the log by attachment. */
const attachmentsOf = (ids: readonly StreamId[]): ReadonlyMap<string, readonly StreamId[]> =>
  Map.groupBy(ids, attachmentName);

/** What is still to undo, in words; a plugin that has a stream of its own here speaks for itself. */
const owedIn = ({ streams }: Case, slots: readonly Slot[], boot: string): readonly string[] => {
  const own = new Set(streams.map(({ id: { slot } }) => typeOf(slot)));
  return streams.filter(({ id: { slot } }) => slots.includes(slot)).flatMap((stream) =>
    owedBy(stream, boot).flatMap(({ undo }) =>
      undo.op === "plugin.invoke" && own.has(undo.plugin) ? [] : [describeOp(undo)]
    )
  );
};

const isDoomed = ({ verdict: { verdict } }: Case): boolean => verdict === "dead" || verdict === "leftover";

/** What is said of a case in which nothing is done; null for what is over. */
const report = ({ key, verdict }: Case, undone: readonly string[] = []): Reclaimed | null =>
  verdict.verdict === "over" ? null : { attachment: key, ...verdict, undone, failure: null };

/** What is said of streams that cannot be read; null where all can. */
const damageOf = ({ key, streams }: Case): Reclaimed | null => {
  const damaged = streams.filter(({ damage }) => damage !== null);
  if (damaged.length === 0) return null;
  const why = damaged.map(({ id: { slot }, damage }) => `the log of "${slot}" cannot be trusted: ${damage}`).join("; ");
  const slots = damaged.map(({ id: { slot } }) => slot);
  return { attachment: key, verdict: "damaged", slots, why, undone: [], failure: null };
};

/** Every stream that a DEL decided from this case may touch; of one that is meant alone, not its namesakes. */
const touchable = ({ streams, verdict }: Case): ReadonlyMap<Slot, number> => {
  const trusted = streams.filter(({ damage }) => damage === null);
  if (verdict.verdict !== "leftover") return asOf(trusted);
  const { slots } = verdict;
  const types = new Set(slots.map(typeOf));
  return asOf(trusted.filter(({ id: { slot } }) => slots.includes(slot) || !types.has(typeOf(slot))));
};

const slotsOf = ({ verdict }: Case): readonly Slot[] => verdict.verdict === "over" ? [] : verdict.slots;

/** An executable takes no turn: it may have come between the judgement and the DEL, which then did nothing. */
const later = { verdict: "alive", why: "it has been attached anew meanwhile" } as const;

/** Undoes one attachment that was judged in its turn; answers what that changes in the report. */
const reclaim = (found: Case, { cacheDir = DEFAULT_CACHE_DIR, cniPath = "" }: ReclaimOptions) =>
  Effect.gen(function* () {
    const { key } = found;
    const { boot } = yield* Origin;
    const slots = slotsOf(found);
    const before = owedIn(found, slots, boot);
    const meant = new Set(slots);
    const failures = yield* undoStreams(key, {
      path: cniPath,
      asOf: touchable(found),
      wanted: (slot) => meant.has(slot),
    });
    const streams = yield* factsOfStreams(yield* listed(key), false);
    const left = owedIn({ ...found, streams }, slots, boot);
    if (failures.length === 0 && !streams.some(isLive)) {
      yield* Effect.catch(removeCache(cacheDir, key), (error) => notice(error.message));
    }
    const [first, ...others] = failures;
    const failure = first === undefined ? null : combine([first, ...others]);
    if (failure === null && streams.some((stream) => meant.has(stream.id.slot) && isLive(stream))) return later;
    return { undone: before.filter((line) => !left.includes(line)), failure };
  });

const heldByVerb = (found: Case): Reclaimed => ({
  attachment: found.key,
  verdict: "held",
  slots: slotsOf(found),
  why: "another verb of it is under way",
  undone: [],
  failure: null,
});

/** Judges an attachment anew in its turn, and undoes what is still to be undone. Answers null for what is over by now. */
const settle = (doomed: Case, look: LifeOf, options: ReclaimOptions) =>
  Effect.gen(function* () {
    const turn = Effect.gen(function* () {
      const found = yield* examine(doomed.key, yield* listed(doomed.key), look, true);
      const said = report(found);
      return said !== null && isDoomed(found) ? { ...said, ...(yield* reclaim(found, options)) } : said;
    });
    const settled = yield* ifFree(doomed.key, turn);
    return settled.ran ? settled.value : heldByVerb(doomed);
  });

/** One pass over the whole log. */
const pass = (look: LifeOf, options: ReclaimOptions) =>
  Effect.gen(function* () {
    const { dryRun = false, onProgress = () => {} } = options;
    const { boot } = yield* Origin;
    const ids = yield* listed({});
    const cases: Case[] = [];
    for (const group of attachmentsOf(ids).values()) {
      const [first] = group;
      if (first === undefined) continue;
      const { network, containerId, ifName } = first;
      cases.push(yield* examine({ network, containerId, ifName }, group, look));
    }
    const doomed = cases.filter(isDoomed);
    if (!dryRun && doomed.length > 1) {
      yield* removeDeadLinks(doomed.map((found) => ({
        key: found.key,
        asOf: touchable(found),
        slots: slotsOf(found),
      })));
    }
    const told: Reclaimed[] = [];
    let done = 0;
    for (const found of cases) {
      const damage = damageOf(found);
      if (damage !== null) told.push(damage);
      const acts = !dryRun && isDoomed(found);
      if (acts) yield* Effect.sync(() => onProgress(done++, doomed.length));
      const one = acts
        ? yield* settle(found, look, options)
        : report(found, isDoomed(found) ? owedIn(found, slotsOf(found), boot) : []);
      if (one !== null) told.push(one);
    }
    yield* Effect.sync(() => onProgress(doomed.length, doomed.length));
    if (!dryRun) yield* Effect.catch(prune(), (error) => notice(error.message));
    return told;
  });

/**
 * Reclaims, on the whole node and without any configuration, what the log alone shows to be nobody's: attachments that
 * were made before the last reboot, what a process has left that died during ADD or DEL, and what could not be undone so
 * far. Whatever is in use in this boot stays. Answers what was found of every attachment that is not history.
 *
 * Waits for nobody: an attachment that another verb is at work on is left alone. Each is judged anew in its turn, and
 * nothing that was added since is touched. Fails when the log cannot be listed; everything else is told in the answer.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, recover } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * const program = recover({ cacheDir: `${folder}/cache` });
 * const found = await Effect.runPromise(Effect.provide(program, layer({ stateDir: `${folder}/state` })));
 * Deno.removeSync(folder, { recursive: true });
 * if (found.length !== 0) throw new Error("there was nothing to recover");
 * ```
 */
export const recover = (
  options: ReclaimOptions = {},
): Effect.Effect<readonly Reclaimed[], CommandFailed, Services> => pass(() => Effect.succeed(null), options);

/**
 * As `recover`, and reclaims as well what the kernel shows to be dead: attachments whose network namespace is gone. It
 * counts as gone when it cannot be entered any more and no link on the host leads into it; where that cannot be told,
 * the attachment is left alone, and the answer says why. `gc` is for who knows which attachments are valid.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { collect, layer } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * const program = collect({ cacheDir: `${folder}/cache`, dryRun: true });
 * const found = await Effect.runPromise(Effect.provide(program, layer({ stateDir: `${folder}/state` })));
 * Deno.removeSync(folder, { recursive: true });
 * if (found.length !== 0) throw new Error("there was nothing to collect");
 * ```
 */
export const collect = (
  options: ReclaimOptions = {},
): Effect.Effect<readonly Reclaimed[], CommandFailed, Services> => pass(lifeOf, options);
