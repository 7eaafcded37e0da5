/**
 * Ethernet addresses, as Go's `net.ParseMAC` reads six bytes.
 *
 * @module
 */

/** `aa:bb:cc:dd:ee:ff`, the same with dashes, or `aabb.ccdd.eeff`. */
const FORMS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
];

/**
 * The canonical text of an Ethernet address, lower case with colons; null when it is none.
 *
 * @example
 * ```ts
 * import { parseMac } from "./mac.ts";
 * if (parseMac("0A58.0a01.0203") !== "0a:58:0a:01:02:03") throw new Error("three groups are a MAC address too");
 * ```
 */
export function parseMac(text: string): string | null {
  if (!FORMS.some((form) => form.test(text))) return null;
  return text.toLowerCase().replaceAll(/[:.-]/g, "").match(/../g)?.join(":") ?? null;
}

/** As `parseMac`, for an address a link is to have: the kernel takes neither group addresses nor zero (is_valid_ether_addr). */
export function parseLinkMac(text: string): string | null {
  const mac = parseMac(text);
  const isGroup = mac !== null && (parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isGroup || mac === "00:00:00:00:00:00" ? null : mac;
}

/** Six bytes in transmission order. Throws a TypeError for a text that is no address: an unchecked text is a defect. */
export function macBytes(mac: string): Uint8Array<ArrayBuffer> {
  const parsed = parseMac(mac);
  if (parsed === null) throw new TypeError(`Cannot use "${mac}": it is not an Ethernet address`);
  return Uint8Array.from(parsed.split(":"), (octet) => parseInt(octet, 16));
}

/** The canonical text of an address as the kernel carries it (IFLA_ADDRESS), of any length. */
export const macFromBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
