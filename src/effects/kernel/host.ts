/**
 * The kernel as a service: `Kernel` opens namespaces, `Host` looks at and changes the two sides of one attachment.
 * Implementations: `linux/` (netlink) and `simulated.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { NftElement } from "./nft.ts";
import type { KernelOp, PortSettings, PortVlan, Side } from "./op.ts";

/** A network namespace: `cookie` (SO_NETNS_COOKIE, decimal) is never reused within a boot, unlike a path. */
export interface NetnsIdentity {
  readonly path: string;
  readonly cookie: string;
}

/**
 * The kernel refused, or could not be asked. `errno` is its symbolic name, `extack` the kernel's own words.
 * `doing` and `subject` make the sentence: Cannot `doing` "`subject`".
 */
export class HostError extends Data.TaggedError("HostError")<{
  readonly doing: string;
  readonly subject: string;
  readonly errno: string;
  readonly extack?: string;
}> {
  override get message(): string {
    return `Cannot ${this.doing} "${this.subject}": ${this.errno}${this.extack ? `: ${this.extack}` : ""}`;
  }
}

/** A CNI_NETNS that cannot be used: it does not exist, is no namespace, or is the host's own. */
export class NetnsError extends Data.TaggedError("NetnsError")<{
  readonly path: string;
  readonly reason: "missing" | "not a namespace" | "own" | "unreadable";
  readonly detail?: string;
}> {
  override get message(): string {
    const why = {
      missing: "no such file; the runtime must create the namespace before ADD",
      "not a namespace": "the file is not a network namespace",
      own: "it is the host's own network namespace; a container must have one of its own",
      unreadable: this.detail ?? "it cannot be opened",
    }[this.reason];
    return `Cannot use network namespace "${this.path}": ${why}`;
  }
}

/** A network interface as RTM_NEWLINK describes it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND, or null for a device without one (lo, hardware). */
  readonly kind: string | null;
  /** Lower case with colons; empty for devices without one. */
  readonly mac: string;
  readonly mtu: number;
  readonly txQueueLen: number;
  readonly up: boolean;
  /** RFC 2863 operational state: "up", "down", "lowerlayerdown", "unknown", "dormant", "notpresent", "testing". */
  readonly operState: string;
  /** IFF_PROMISC; `promiscuity` also counts packet captures. */
  readonly promisc: boolean;
  readonly promiscuity: number;
  readonly allmulti: boolean;
  /** Index of the bridge it is a port of, or null. */
  readonly master: number | null;
  /** IFLA_LINK: of a veth, the index of its peer in the peer's namespace; null where there is none. */
  readonly peer: number | null;
  /** Of a bridge: whether it filters VLANs; otherwise null. */
  readonly vlanFiltering: boolean | null;
  /** Of a bridge port; otherwise null. */
  readonly port: Required<PortSettings> | null;
}

/** An address on a link; `address` with its prefix length. */
export interface Address {
  readonly address: string;
  /** rtm_scope values: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}

/** A route; `dst` is a prefix (`0.0.0.0/0` for the default). A multipath route gives one entry per next hop. */
export interface Route {
  readonly dst: string;
  readonly gw: string | null;
  /** Name of the outgoing link, or null. */
  readonly link: string | null;
  readonly metric: number;
  readonly table: number;
  readonly scope: number;
  readonly mtu: number | null;
  readonly advmss: number | null;
}

/** A neighbour entry. */
export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
  readonly permanent: boolean;
}

/** What `link.create` answers: the new link and, for a veth, its peer's index and MAC. */
export interface CreatedLink {
  readonly index: number;
  readonly mac: string;
  readonly peer?: { readonly index: number; readonly mac: string };
}

/** Read-only: what plugins see of the kernel. Absent things are `null` or empty, also when the container's namespace is gone. */
export interface HostView {
  /** The container's namespace, or null when there is none or it is gone. */
  readonly netns: NetnsIdentity | null;
  readonly link: (on: Side, name: string) => Effect.Effect<Link | null, HostError>;
  readonly linkByIndex: (on: Side, index: number) => Effect.Effect<Link | null, HostError>;
  readonly addresses: (on: Side, link: string) => Effect.Effect<readonly Address[], HostError>;
  /** All unicast routes of a family, in all tables, or in `table`. */
  readonly routes: (on: Side, family: 4 | 6, table?: number) => Effect.Effect<readonly Route[], HostError>;
  /** The link the kernel would send to `ip` over, or null without a route. */
  readonly linkTowards: (on: Side, ip: string) => Effect.Effect<Link | null, HostError>;
  readonly neighbours: (on: Side, link: string) => Effect.Effect<readonly Neighbour[], HostError>;
  readonly vlans: (on: Side, name: string) => Effect.Effect<readonly PortVlan[], HostError>;
  /** Content of /proc/sys/<key> without the final newline, or null when there is no such key. */
  readonly sysctl: (on: Side, key: string) => Effect.Effect<string | null, HostError>;
  /** The element with that key, with its value and comment; null when element, set or table is missing. */
  readonly element: (on: Side, which: NftElement) => Effect.Effect<NftElement | null, HostError>;
  /**
   * Waits by listening until the link's operational state is up; false after `limitMs` milliseconds.
   */
  readonly awaitUp: (on: Side, name: string, limitMs: number) => Effect.Effect<boolean, HostError>;
  /** Waits by listening until no IPv6 address of the link is tentative; "failed" when the network has a duplicate. */
  readonly awaitDad: (
    on: Side,
    name: string,
    limitMs: number,
  ) => Effect.Effect<"done" | "failed" | "timeout", HostError>;
}

/** Both sides of one attachment. */
export interface HostShape extends HostView {
  /** Carries out one op. The answer of `link.create` is a `CreatedLink`; the others answer nothing. */
  readonly apply: (op: KernelOp) => Effect.Effect<CreatedLink | undefined, HostError>;
}

/** The open namespaces of the attachment a command works on. */
export class Host extends Context.Service<Host, HostShape>()("cleat/Host") {}

/** How to find the container's namespace. */
export type NetnsWanted =
  /** For ADD and CHECK: must exist and must not be the host's own, unless `allowOwn` (CNI_NETNS_OVERRIDE). */
  | { readonly path: string; readonly allowOwn: boolean }
  /** For undo: exactly the one that ADD recorded; anything else counts as gone. */
  | { readonly recorded: NetnsIdentity }
  /** No container side at all. */
  | null;

/** Opens namespaces. */
export class Kernel extends Context.Service<Kernel, {
  readonly open: (netns: NetnsWanted) => Effect.Effect<HostShape, HostError | NetnsError, Scope.Scope>;
}>()("cleat/Kernel") {}

/** Errnos that mean "it is not there", which is what an undo wants. */
export const ABSENT: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "ESRCH", "EADDRNOTAVAIL", "ENXIO"]);
