/**
 * SHA-2 over texts, with the platform's WebCrypto.
 *
 * @module
 */

async function hexDigest(algorithm: "SHA-256" | "SHA-512", text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, new TextEncoder().encode(text))).toHex();
}

/** SHA-256 of the text in UTF-8, as 64 lower-case hexadecimal digits. */
export const sha256Hex = (text: string): Promise<string> => hexDigest("SHA-256", text);

/** SHA-512 of the text in UTF-8, as 128 lower-case hexadecimal digits. */
export const sha512Hex = (text: string): Promise<string> => hexDigest("SHA-512", text);

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
