/** Finding streams by what people write: `network/container/ifname/slot`, parts of it, or a file. */
import * as Effect from "effect/Effect";
import { EventStore, type Reading } from "../../effects/log/store.ts";
import type { AttachmentKey, StreamId } from "../../spec/key.ts";
import { streamName } from "../../spec/key.ts";
import { Failure } from "./command.ts";

/** A stream with what lies on disk. */
export interface Found extends Reading {
  readonly id: StreamId;
}

/** Network, container and interface, as far as they are given. */
export function filterOf(parts: readonly string[]): Partial<AttachmentKey> {
  const [network, containerId, ifName] = parts.flatMap((part) => part.split("/")).filter((part) => part !== "");
  return {
    ...(network === undefined ? {} : { network }),
    ...(containerId === undefined ? {} : { containerId }),
    ...(ifName === undefined ? {} : { ifName }),
  };
}

/** All streams that agree, with their records. */
export const readStreams = (filter: Partial<AttachmentKey>) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const found: Found[] = [];
    for (const id of yield* store.list(filter)) found.push({ id, ...(yield* store.read(id)) });
    return found;
  }).pipe(Effect.mapError((error) => new Failure(error.message)));

/** The streams a name means: `a/b/eth0/bridge` one, `a/b/eth0` all of the attachment. */
export const namedStreams = (name: string) =>
  Effect.gen(function* () {
    const slot = name.split("/")[3];
    const found = (yield* readStreams(filterOf([name]))).filter(({ id }) => slot === undefined || id.slot === slot);
    if (found.length === 0) return yield* Effect.fail(new Failure(`Cannot find a log for "${name}": there is none`));
    return found;
  });

/** Which stream a log file holds, from its path: `…/streams/<network>/<containerId>/<ifName>/<slot>.jsonl`. */
export function idOfFile(path: string): StreamId | null {
  const [slot, ifName, containerId, network] = path.split("/").toReversed();
  const ends = slot?.endsWith(".jsonl") ?? false;
  if (!ends || slot === undefined || !ifName || !containerId || !network) return null;
  return { network, containerId, ifName, slot: slot.slice(0, -".jsonl".length) };
}

export { streamName };
