/** What adopting has in common: looks at what a kernel may not have at all, and removals of what was found. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { NftCommand, NftElement, NftRule, NftTable } from "../effects/kernel/nft.ts";
import type { Op } from "../effects/kernel/op.ts";
import { sha512Hex } from "../spec/hash.ts";

/** Errnos of a kernel without nf_tables, or without its families. */
const UNKNOWN: ReadonlySet<string> = new Set(["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT", "EAFNOSUPPORT"]);

/** A look that finds nothing where the kernel does not know such things: DEL must not fail for what cannot be there. */
export const ifKnown = <A>(look: Effect.Effect<readonly A[], HostError>): Effect.Effect<readonly A[], HostError> =>
  Effect.catchTag(look, "HostError", (error) => UNKNOWN.has(error.errno) ? Effect.succeed([]) : Effect.fail(error));

/** Start and length of names that Go's plugins make up: a prefix, and SHA-512 of the text as far as it fits. */
export const hashedName = (prefix: string, text: string, length: number): Effect.Effect<string> =>
  Effect.promise(async () => prefix + (await sha512Hex(text)).slice(0, length - prefix.length));

/** One batch, or none. */
export const batchOf = (commands: readonly NftCommand[]): readonly Op[] =>
  commands.length === 0 ? [] : [{ op: "nft.apply", on: "host", commands }];

/** Removes an element while it has the value that was seen. */
export const removeElement = (
  { comment: _, ...element }: NftElement,
): Extract<NftCommand, { readonly remove: "element" }> => ({
  remove: "element",
  ...element,
});

/** Removes rules that have comments. */
export const removeRules = (
  where: NftTable & { readonly chain: string },
  rules: readonly NftRule[],
): readonly NftCommand[] =>
  rules.flatMap(({ handle, comment }) => comment === null ? [] : [{ remove: "rule", ...where, handle, comment }]);
