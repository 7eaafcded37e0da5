/** What the ops say of addresses, routes and the choice of routes. Persisted with them: frozen once released. */
import type { Side } from "./op.ts";

/** An address on a link. */
export interface AddressOp {
  /** The link's side. */
  readonly on: Side;
  /** The link's name. */
  readonly link: string;
  /** With its prefix length. */
  readonly address: string;
  /** Skips duplicate address detection (IFA_F_NODAD). */
  readonly noDad?: boolean;
  /** Brings no route to its network (IFA_F_NOPREFIXROUTE). */
  readonly noPrefixRoute?: boolean;
  /** How long it may be used (IFA_CACHEINFO); for ever where absent. */
  readonly lifetime?: AddressLifetime;
}

/** A route over a link. */
export interface RouteOp {
  /** The link's side. */
  readonly on: Side;
  /** Name of the outgoing link. */
  readonly link: string;
  /** The prefix it leads to. */
  readonly dst: string;
  /** Next hop; without one the destination is on the link. */
  readonly gw?: string;
  /** RTA_PRIORITY; lower wins. */
  readonly metric?: number;
  /** Number of its table: 254, main, where absent (enum rt_class_t, linux/rtnetlink.h). */
  readonly table?: number;
  /** rtm_scope: 0 universe, 253 link, 254 host. */
  readonly scope?: number;
  /** RTAX_MTU, in bytes. */
  readonly mtu?: number;
  /** RTAX_ADVMSS, in bytes. */
  readonly advmss?: number;
  /** RTA_PREFSRC: the source of what the namespace itself sends that way; one of its own addresses. */
  readonly src?: string;
  /** Of a removal: the route is the one that the kernel made for an address (RTPROT_KERNEL), not one of a program. */
  readonly byKernel?: boolean;
  /** rtm_protocol, who has made it (RTPROT_*, linux/rtnetlink.h): 3, boot, where absent, unless `byKernel` says 2. */
  readonly protocol?: number;
}

/** How long an address may still be used, in seconds; for ever is 4 294 967 295 (INFINITY_LIFE_TIME, net/addrconf.h). */
export interface AddressLifetime {
  /** For new connections. */
  readonly preferred: number;
  /** At all. */
  readonly valid: number;
}

/** A rule that has packets from one source looked up in a table of routes (linux/fib_rules.h, FR_ACT_TO_TBL). */
export interface RuleOp {
  /** The side whose packets it is for. */
  readonly on: Side;
  /** The prefix that their source is in (FRA_SRC). */
  readonly from: string;
  /** Number of the table, 1 or more (FRA_TABLE). */
  readonly table: number;
  /** Its place among the rules: lower ones are asked first (FRA_PRIORITY). */
  readonly priority: number;
  /** Of an addition: EEXIST, and nothing is changed, while another rule of the family leads to that table. */
  readonly alone?: boolean;
}
