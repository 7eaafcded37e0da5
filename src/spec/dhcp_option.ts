/** Options of DHCP by their codes, and the names that configurations have for some. */

/** Codes of the options used here (RFC 2132; 119 RFC 3397, 121 RFC 3442). */
export const OPTION = {
  SUBNET_MASK: 1,
  ROUTERS: 3,
  NAME_SERVERS: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  STATIC_ROUTES: 33,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  OVERLOAD: 52,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_LIST: 55,
  MESSAGE: 56,
  MAX_SIZE: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  VENDOR_CLASS: 60,
  CLIENT_ID: 61,
  USER_CLASS: 77,
  DOMAIN_SEARCH: 119,
  CLASSLESS_ROUTES: 121,
} as const;

/** Names that stand for codes in configurations, as Go's `dhcp` knows them. */
export const OPTION_NAMES: Readonly<Record<string, number>> = {
  "dhcp-client-identifier": OPTION.CLIENT_ID,
  "subnet-mask": OPTION.SUBNET_MASK,
  "routers": OPTION.ROUTERS,
  "host-name": OPTION.HOST_NAME,
  "user-class": OPTION.USER_CLASS,
  "vendor-class-identifier": OPTION.VENDOR_CLASS,
};

/**
 * The code of an option that is named, or written as a number; null where it is neither. 0 and 255 are no options: they
 * fill and end a message (RFC 2132, 3.1 and 3.2).
 *
 * @example
 * ```ts
 * import { optionCode } from "./dhcp_option.ts";
 * if (optionCode("host-name") !== 12 || optionCode("12") !== 12 || optionCode("nonsense") !== null) throw new Error();
 * ```
 */
export function optionCode(text: string): number | null {
  const code = OPTION_NAMES[text] ?? (/^\d{1,3}$/.test(text) ? Number(text) : 0);
  return code >= 1 && code <= 254 ? code : null;
}
