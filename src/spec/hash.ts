/**
 * SHA-2. Which implementation of SHA-256 is best depends on how long the process lives, so the doors choose.
 *
 * @module
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

/** SHA-256 as 64 lower-case hexadecimal digits, at once or later. */
export type Hash = (bytes: Uint8Array<ArrayBuffer>) => string | Promise<string>;

/** Costs nothing to load, but every hash goes through a thread: right for a process that lives for milliseconds. */
export const subtleSha256: Hash = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();

/** What hashes; `mod.ts` gives long-lived processes a synchronous one. */
export const Sha256: Context.Reference<Hash> = Context.Reference<Hash>("cleat/Sha256", {
  defaultValue: () => subtleSha256,
});

/** Waits for what is only promised; what is there already costs no turn of the event loop. */
export const settled = <A>(value: () => A | Promise<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const found = value();
    return found instanceof Promise ? Effect.promise(() => found) : Effect.succeed(found);
  });

/** SHA-256 of the text in UTF-8, as 64 lower-case hexadecimal digits. */
export const sha256Of = (text: string): Effect.Effect<string> =>
  Effect.flatMap(Sha256, (hash) => settled(() => hash(new TextEncoder().encode(text))));

/** SHA-512 of the text in UTF-8, as 128 lower-case hexadecimal digits. */
export const sha512Hex = async (text: string): Promise<string> =>
  new Uint8Array(await crypto.subtle.digest("SHA-512", new TextEncoder().encode(text))).toHex();

/** Hexadecimal digits of the first 10 bytes. */
const CNITOOL_DIGITS = 20;

/**
 * The container id that cnitool makes up for a namespace, from its absolute path.
 *
 * @example
 * ```ts
 * import { cnitoolContainerId } from "./hash.ts";
 * const id = await cnitoolContainerId("/var/run/netns/cnitest");
 * if (id !== "cnitool-20c433bb2b1d6ede56d6") throw new Error(id);
 * ```
 */
export const cnitoolContainerId = async (netnsPath: string): Promise<string> =>
  `cnitool-${(await sha512Hex(netnsPath)).slice(0, CNITOOL_DIGITS)}`;
