/** Our own elements whose log was lost: each bears the name of its attachment. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { NftCommand, NftTable } from "../effects/kernel/nft.ts";
import type { Trace } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { ifKnown, removeElement } from "./adopt_look.ts";
import { attachmentComment, attachmentOf, isOurs } from "./nft_elements.ts";

/** The sets and maps of a table that belong to one plugin. */
export interface Sets {
  readonly table: NftTable;
  readonly isOwn: (set: string) => boolean;
}

/** What removes an attachment's elements. */
export const removeOwn: (
  key: AttachmentKey,
  sets: Sets,
) => Effect.Effect<readonly Extract<NftCommand, { readonly remove: "element" }>[], HostError, View> = Effect.fnUntraced(
  function* (key, { table, isOwn }) {
    const { host } = yield* View;
    const found = yield* ifKnown(host.elements("host", table, attachmentComment(key)));
    return found.filter((element) => isOwn(element.set) && isOurs(element, key)).map(removeElement);
  },
);

/** The attachments of a network that elements name. */
export const tracesOfOwn: (network: string, sets: Sets) => Effect.Effect<readonly Trace[], HostError, View> = Effect
  .fnUntraced(function* (network, { table, isOwn }) {
    const { host } = yield* View;
    const found = yield* ifKnown(host.elements("host", table));
    return found.flatMap((element) => {
      const key = isOwn(element.set) ? attachmentOf(element) : null;
      return key?.network === network ? [key] : [];
    });
  });
