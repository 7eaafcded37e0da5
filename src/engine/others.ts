/** What other streams have made under the same name: an attachment of another network, say, whose interface is called the same. */
import * as Effect from "effect/Effect";
import type { HostShape } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { createdLinks, linkKey } from "../effects/kernel/undo.ts";
import { EventStore } from "../effects/log/store.ts";
import { residue } from "../machines/entry.ts";
import { foldLegal } from "../machines/evolve.ts";
import { type StreamId, streamName } from "../spec/key.ts";

/** Links that a stream has made and not taken back; those in a container only if it is this one. */
const madeBy = (id: StreamId, { netns }: HostShape) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const read = yield* Effect.option(store.read(id));
    if (read._tag === "None") return [];
    const { add, stack } = foldLegal(read.value.records, id).snapshot.context;
    const isHere = add !== null && netns !== null && add.netns.cookie === netns.cookie;
    const ops = residue(stack).map(({ op }) => op);
    return isHere ? [...createdLinks(ops)] : [];
  });

/**
 * Leaves out what would delete a link that the log says is another stream's. What a plugin finds by a name may be the
 * interface of another network: an ADD that was refused because the name is taken is followed by a DEL.
 */
export const sparingOthers = (own: StreamId, host: HostShape, ops: readonly Op[]) =>
  Effect.gen(function* () {
    if (!ops.some(({ op }) => op === "link.delete")) return ops;
    const store = yield* EventStore;
    const { containerId, ifName } = own;
    const ids = yield* Effect.orElseSucceed(store.list({ containerId, ifName }), () => []);
    const others = ids.filter((id) => streamName(id) !== streamName(own));
    const theirs = new Set((yield* Effect.forEach(others, (id) => madeBy(id, host))).flat());
    return ops.filter((op) => op.op !== "link.delete" || !theirs.has(linkKey(op.on, op.name)));
  });
