/**
 * The prelude of undoing much at once: host ends of veth pairs, and ifbs, go together, since the kernel waits 15 to 25 ms
 * for each that goes alone. What undoes them later finds them absent, which is what it wants. Links stay that something
 * else is to be given back over.
 */
import * as Effect from "effect/Effect";
import { Kernel } from "../effects/kernel/host.ts";
import { EventStore } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { notice } from "../engine/notice.ts";
import { type Entry, residue } from "../machines/entry.ts";
import type { Recorded } from "../machines/event.ts";
import { foldLegal } from "../machines/evolve.ts";
import { type AttachmentKey, CHAIN_SLOT, type Slot, type StreamId } from "../spec/key.ts";

/** An attachment that is about to be undone, and what that was decided from. */
export interface Doomed {
  readonly key: AttachmentKey;
  /** Numbers of the last records; null where somebody else has decided, as in GC. */
  readonly asOf: ReadonlyMap<Slot, number> | null;
  /** The streams that are meant; null means all. */
  readonly slots: readonly Slot[] | null;
}

/** How many attachments have their streams open at once: each takes a descriptor. */
const AT_ONCE = 64;

/** Most streams make no link, and folding a log costs more than to see that. */
const makesLink = ({ event }: Recorded): boolean => event.type === "effect.intended" && event.op.op === "link.create";

/** IPAM plugins that keep addresses on this host. Any other may have to speak over the link, as to a DHCP server. */
const NEED_NO_LINK: ReadonlySet<string> = new Set(["host-local", "static"]);

/** The links on the host that are to be deleted of a stack; none where a plugin may need them for what it gives back. */
const linksIn = (stack: readonly Entry[]): readonly string[] => {
  const undos = residue(stack).map(({ undo }) => undo);
  if (undos.some((undo) => undo.op === "plugin.invoke" && !NEED_NO_LINK.has(undo.plugin))) return [];
  return undos.flatMap((undo) => undo.op === "link.delete" && undo.on === "host" ? [undo.name] : []);
};

/**
 * Locks a stream until the scope ends, and answers the links on the host that it has made and would delete now; none when it
 * is another's at the moment, or has lived on since.
 */
const linksOf = (id: StreamId, asOf: Doomed["asOf"]) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const { boot } = yield* Origin;
    const opened = yield* Effect.option(store.open(id, 0));
    if (opened._tag === "None" || opened.value.corruption !== null) return [];
    if (!opened.value.records.some(makesLink)) return [];
    const { records, snapshot, illegal } = foldLegal(opened.value.records, id);
    const last = records.at(-1);
    const isLater = asOf !== null && (asOf.get(id.slot) ?? 0) !== (last?.seq ?? 0);
    if (illegal !== null || isLater || last?.boot !== boot) return [];
    return linksIn(snapshot.context.stack);
  });

const linksOfAll = ({ key, asOf, slots }: Doomed) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const ids = (yield* store.list(key)).filter(({ slot }) =>
      slot !== CHAIN_SLOT && (slots === null || slots.includes(slot))
    );
    return (yield* Effect.forEach(ids, (id) => linksOf(id, asOf))).flat();
  });

/** The streams stay locked until their links are gone, so that no ADD can make one of that name anew. */
const removeTogether = (doomed: readonly Doomed[]) =>
  Effect.scoped(
    Effect.gen(function* () {
      const links = (yield* Effect.forEach(doomed, linksOfAll)).flat();
      const kernel = yield* Kernel;
      if (links.length > 1) yield* kernel.removeLinks(links);
    }),
  );

/** Removes the links of these attachments that their logs would delete. A failure is no loss: each is deleted alone then. */
export const removeDeadLinks = (
  doomed: readonly Doomed[],
): Effect.Effect<void, never, EventStore | Kernel | Origin> =>
  Effect.gen(function* () {
    for (let at = 0; at < doomed.length; at += AT_ONCE) {
      const some = removeTogether(doomed.slice(at, at + AT_ONCE));
      yield* Effect.catch(some, (error) => notice(`${error.message}; each is deleted alone`));
    }
  }).pipe(Effect.uninterruptible);
