/** What the daemon that renews DHCP leases writes down of each: persisted, frozen once released. Only optional keys are ever added. */
import type { Dns, ResultRoute } from "../spec/result.ts";

/** What a server has granted (RFC 2131, 4.3.1), with everything needed to go on after a restart. */
export interface DhcpTerms {
  /** yiaddr with the prefix length of the subnet mask (option 1). */
  readonly address: string;
  /** First router (option 3). */
  readonly gateway?: string;
  /** Of option 121, or of options 33 and 3. */
  readonly routes: readonly ResultRoute[];
  /** Of options 6, 15 and 119; absent where the server told none. */
  readonly dns?: Dns;
  /** Server identifier (option 54). */
  readonly server: string;
  /** Ethernet address that the server's answer came from: the server's own, or that of the relay on the way. */
  readonly serverMac: string;
  /** When it was granted, in milliseconds since 1970; the times below likewise. */
  readonly since: number;
  /** T1: ask the server for more. Null, like the others, for a lease without end (RFC 2131, 3.3). */
  readonly renewAt: number | null;
  /** T2: ask any server. */
  readonly rebindAt: number | null;
  /** The address must not be used any more. */
  readonly expiresAt: number | null;
}

/** Where a lease is used: the link must be the same after a restart. */
export interface DhcpPlace {
  /** The namespace's file, without the daemon's prefix. */
  readonly netns: string;
  /** SO_NETNS_COOKIE of the namespace. */
  readonly cookie: string;
  /** The link's name. */
  readonly ifName: string;
  /** Its Ethernet address. */
  readonly mac: string;
}

/** How the client speaks: what renewals must say again. */
export interface DhcpSpeech {
  /** Option 61 with its type byte, in hex. */
  readonly clientId: string;
  /** Options of every message, by code, in hex: option 55 and what the configuration provides. */
  readonly options: Readonly<Record<string, string>>;
  /** Metric of every route, 0 for none. */
  readonly priority: number;
}

/** A fact in the life of a lease. */
export type DhcpEvent =
  /** A server has granted it, or has granted more time. */
  | {
    readonly type: "bound";
    readonly boot: string;
    readonly place: DhcpPlace;
    readonly speech: DhcpSpeech;
    readonly terms: DhcpTerms;
    /** How long the host had been up at `terms.since`, in milliseconds (CLOCK_BOOTTIME): its other clock may be set. */
    readonly uptime?: number;
    /** Path of the socket of the daemon that keeps it; two may share a state directory. */
    readonly socket?: string;
  }
  /** It cannot be used any more, and why. */
  | { readonly type: "lost"; readonly why: string }
  /** It was given back. */
  | { readonly type: "released" };
