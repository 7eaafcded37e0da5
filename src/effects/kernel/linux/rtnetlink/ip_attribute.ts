/** IP addresses in rtnetlink headers and attributes. */
import { type Family, formatIp, ipFromBytes } from "../../../../spec/ip.ts";
import { AF } from "./constants.ts";

/** The kernel's number of an address family. */
export const afOf = (family: Family): number => family === 4 ? AF.INET : AF.INET6;

/** The address as text; null when the bytes cannot be one: IPv4 has 4, IPv6 16. */
export const readIp = (bytes: Uint8Array | null): string | null =>
  bytes !== null && (bytes.length === 4 || bytes.length === 16) ? formatIp(ipFromBytes(bytes)) : null;
