/** What GC suspects of being dead: attachments of a network that nobody says are valid. */
import * as Effect from "effect/Effect";
import type { Files } from "../effects/files.ts";
import type { EventStore } from "../effects/log/store.ts";
import { toCniFailure } from "../engine/failure.ts";
import { type LiveStream, liveStreams } from "../engine/live_streams.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { ValidAttachment } from "../spec/request_config.ts";
import type { Attachment } from "./attachment.ts";
import { cachedAttachments } from "./result_cache.ts";

/** `container/interface`, which no other attachment of a network is called. */
export const localName = ({ containerId, ifName }: ValidAttachment): string => `${containerId}/${ifName}`;

/** An attachment that the log or the cache knows, and no list of valid ones. */
export interface Suspect {
  /** As it was asked for. */
  readonly attachment: Attachment;
  /** Equal as long as nothing happens to the attachment. */
  readonly trace: string;
}

/** The suspects of a network by their names in it, and sorted by them. */
export interface Suspects {
  readonly found: ReadonlyMap<string, Suspect>;
  /** Why there may be more. */
  readonly failures: readonly CniFailure[];
}

/** Where suspects are looked for. */
export interface Scene {
  readonly network: string;
  /** Names of the valid attachments. */
  readonly valid: ReadonlySet<string>;
  readonly cacheDir: string;
}

const fromCache = ({ network, valid, cacheDir }: Scene): Effect.Effect<Map<string, Suspect>, never, Files> =>
  Effect.map(cachedAttachments(cacheDir), (cached) => {
    const found = new Map<string, Suspect>();
    for (const { key: { network: own, containerId, ifName }, netns, args, capabilityArgs } of cached) {
      const name = localName({ containerId, ifName });
      if (own !== network || valid.has(name)) continue;
      found.set(name, { attachment: { containerId, ifName, netns, args, capabilityArgs, cacheDir }, trace: "cached" });
    }
    return found;
  });

/** The cache knows all that was asked for; the log alone knows how to undo what was done, which is enough. */
const joined = ({ cacheDir }: Scene, known: Suspect | undefined, { id, add, seq }: LiveStream): Suspect => ({
  attachment: known?.attachment.netns ? known.attachment : {
    ...known?.attachment,
    containerId: id.containerId,
    ifName: id.ifName,
    netns: add?.netns.path ?? "",
    cacheDir,
  },
  trace: `${known?.trace ?? ""} ${id.slot}:${seq}`,
});

/** Everything the log and the cache know of the network, but for what is valid and what is over. */
export const suspectsOf = (scene: Scene): Effect.Effect<Suspects, never, EventStore | Files> =>
  Effect.gen(function* () {
    const found = yield* fromCache(scene);
    const listed = yield* Effect.result(
      liveStreams({ network: scene.network }, (id) => !scene.valid.has(localName(id))),
    );
    if (listed._tag === "Failure") return { found, failures: [toCniFailure(listed.failure)] };
    for (const stream of listed.success) {
      const name = localName(stream.id);
      found.set(name, joined(scene, found.get(name), stream));
    }
    return { found: new Map([...found].sort(([a], [b]) => a < b ? -1 : 1)), failures: [] };
  });
