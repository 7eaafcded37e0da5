/** What an ACK grants, in CNI's words. */
import type { DhcpTerms } from "../../machines/dhcp_event.ts";
import { formatCidr, networkOf } from "../../spec/cidr.ts";
import type { Dns, ResultRoute } from "../../spec/result.ts";
import { domainNames } from "./domain_names.ts";
import { type DhcpMessage, ipv4At, NO_ADDRESS, numberOf, serverIdOf } from "./message.ts";
import { OPTION } from "../../spec/dhcp_option.ts";

/** rtm_scope of a destination on the link (linux/rtnetlink.h). */
const SCOPE_LINK = 253;
/** A lease time without end (RFC 2131, 3.3). */
const INFINITE = 0xffff_ffff;
/** What counts where the server does not say (seconds), and T1 and T2 as parts of it (RFC 2131, 4.4.5; T2 as Go has it). */
const DEFAULT_LEASE = 3_600, T1 = 0.5, T2 = 0.85;

/** The addresses of an option, in groups of `size` bytes; none where its length does not fit. */
function groups(value: Uint8Array | undefined, size: number): readonly Uint8Array[] {
  if (value === undefined || value.length % size !== 0) return [];
  return Array.from({ length: value.length / size }, (_, index) => value.subarray(index * size, (index + 1) * size));
}

const addressesIn = (value: Uint8Array | undefined): readonly string[] => groups(value, 4).map((one) => ipv4At(one));

/** Length of the prefix of a mask; null where its bits are not in one piece, or there are none. */
function prefixOf(mask: Uint8Array | undefined): number | null {
  if (mask?.length !== 4) return null;
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const end = bits.indexOf("0");
  return end < 0 ? 32 : bits.includes("1", end) ? null : end || null;
}

/** Whether a link can have this address: not "this" network, the loopback, a group, nor what is reserved (RFC 6890). */
function isUsable(address: string): boolean {
  const [first = 0] = address.split(".").map(Number);
  return first !== 0 && first !== 127 && first < 224;
}

/** A router of 0.0.0.0 means that the destination is on the link (RFC 3442, "Local Subnet Routes"). */
const via = (dst: string, gw: string): ResultRoute => gw === NO_ADDRESS ? { dst, scope: SCOPE_LINK } : { dst, gw };

/** Option 121; null where there is none, or it is malformed. */
function classlessRoutes(value: Uint8Array | undefined): readonly ResultRoute[] | null {
  const routes: ResultRoute[] = [];
  for (let at = 0; value !== undefined && at < value.length;) {
    const prefix = value[at++] ?? 0;
    const length = Math.ceil(prefix / 8);
    if (prefix > 32 || at + length + 4 > value.length) return null;
    const dst = ipv4At(Uint8Array.of(...value.subarray(at, at + length), 0, 0, 0, 0));
    routes.push(via(formatCidr(networkOf(`${dst}/${prefix}`)), ipv4At(value, at + length)));
    at += length + 4;
  }
  return routes.length === 0 ? null : routes;
}

/** The prefix length of an address by its class, as in the days of option 33 (RFC 791, 3.2). */
const classOf = (address: string): number => {
  const [first = 0] = address.split(".").map(Number);
  return first < 128 ? 8 : first < 192 ? 16 : 24;
};

/** A destination with bits behind the prefix of its class is a host (RFC 2132, 5.8): the kernel refuses the network. */
function destination(address: string): string {
  const network = formatCidr(networkOf(`${address}/${classOf(address)}`));
  return network.startsWith(`${address}/`) ? network : `${address}/32`;
}

/** Option 33: pairs of a destination and its router. */
const classfulRoutes = (value: Uint8Array | undefined): readonly ResultRoute[] =>
  groups(value, 8).map((pair) => ({ dst: destination(ipv4At(pair)), gw: ipv4At(pair, 4) }));

function routesIn(options: DhcpMessage["options"], gateway: string | undefined): readonly ResultRoute[] {
  return classlessRoutes(options.get(OPTION.CLASSLESS_ROUTES)) ?? [
    ...classfulRoutes(options.get(OPTION.STATIC_ROUTES)),
    ...(gateway === undefined ? [] : [{ dst: "0.0.0.0/0", gw: gateway }]),
  ];
}

/** Options 6, 15 and 119; null where the server told none. */
function dnsIn(options: DhcpMessage["options"]): Dns | null {
  const nameservers = addressesIn(options.get(OPTION.NAME_SERVERS));
  const text = new TextDecoder().decode(options.get(OPTION.DOMAIN_NAME) ?? new Uint8Array()).replace(/\0+$/, "");
  const domain = /^[\w.-]+$/.test(text) ? text : "";
  const search = domainNames(options.get(OPTION.DOMAIN_SEARCH) ?? new Uint8Array()) ?? [];
  const dns: Dns = {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === "" ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
  };
  return Object.keys(dns).length === 0 ? null : dns;
}

const secondsIn = (value: Uint8Array | undefined): number | null => value?.length === 4 ? numberOf(value) : null;

const leaseTimeIn = (options: DhcpMessage["options"]): number =>
  secondsIn(options.get(OPTION.LEASE_TIME)) ?? DEFAULT_LEASE;

/**
 * T1 and T2 of the server count only in their order, after the beginning and before the end: others would never be heard
 * of, or make the client ask without a pause.
 */
function timesIn(options: DhcpMessage["options"], now: number): Pick<DhcpTerms, "renewAt" | "rebindAt" | "expiresAt"> {
  const lease = leaseTimeIn(options);
  if (lease === INFINITE) return { renewAt: null, rebindAt: null, expiresAt: null };
  const told = {
    t1: secondsIn(options.get(OPTION.RENEWAL_TIME)) ?? lease * T1,
    t2: secondsIn(options.get(OPTION.REBINDING_TIME)) ?? lease * T2,
  };
  const { t1, t2 } = told.t1 > 0 && told.t1 <= told.t2 && told.t2 <= lease ? told : { t1: lease * T1, t2: lease * T2 };
  return { renewAt: now + t1 * 1000, rebindAt: now + t2 * 1000, expiresAt: now + lease * 1000 };
}

/**
 * The terms of an ACK that came from `serverMac` and was asked for at `now`, milliseconds since 1970; a sentence's end where
 * it lacks what an address needs. `priority` other than 0 is the metric of all routes.
 */
export function termsOf(ack: DhcpMessage, serverMac: string, now: number, priority: number): DhcpTerms | string {
  const { options, yiaddr } = ack;
  const prefix = prefixOf(options.get(OPTION.SUBNET_MASK));
  const server = serverIdOf(ack);
  if (prefix === null) return "the server has told no subnet mask (option 1)";
  if (server === null) return "the server has not told who it is (option 54)";
  if (yiaddr === NO_ADDRESS) return "the server has granted no address";
  if (!isUsable(yiaddr)) return `the server has granted ${yiaddr}, which no link can have`;
  if (leaseTimeIn(options) === 0) return "the server has granted the address for no time (option 51)";
  const gateway = addressesIn(options.get(OPTION.ROUTERS)).find((router) => router !== NO_ADDRESS);
  const dns = dnsIn(options);
  return {
    address: `${yiaddr}/${prefix}`,
    ...(gateway === undefined ? {} : { gateway }),
    routes: routesIn(options, gateway).map((route) => priority === 0 ? route : { ...route, priority }),
    ...(dns === null ? {} : { dns }),
    server,
    serverMac,
    since: now,
    ...timesIn(options, now),
  };
}
