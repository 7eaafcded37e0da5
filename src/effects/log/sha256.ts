/** The hash of the chain. Which implementation is best depends on how long the process lives, so the doors choose. */
import * as Context from "effect/Context";

/** SHA-256 in lower-case hex, at once or later. */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => string | Promise<string>;

/** Costs nothing to load, but every hash goes through a thread: right for a process that lives for milliseconds. */
export const subtleSha256: Sha256 = async (bytes) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();

/** What the file store hashes with; `mod.ts` gives long-lived processes a synchronous one. */
export const Digest: Context.Reference<Sha256> = Context.Reference<Sha256>("cleat/Digest", {
  defaultValue: () => subtleSha256,
});
