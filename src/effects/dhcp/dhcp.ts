/**
 * The daemon that gets and renews DHCP leases, as plugins see it, as a service. Implementations: `dhcp_system.ts` (over its
 * socket, ours or Go's) and `memory.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type { AttachmentKey } from "../../spec/key.ts";
import type { DhcpGrant, HeldLease, RpcArgs } from "./rpc.ts";

/** The daemon could not be asked, or has refused. */
export class DhcpError extends Data.TaggedError("DhcpError")<{
  /** The path of its socket. */
  readonly socket: string;
  /**
   * "unreachable": nobody listens there; "no lease": no server has granted one in time; "refused": for another reason;
   * "io": the answer was lost on the way, so it may have done what it was asked to do.
   */
  readonly reason: "unreachable" | "no lease" | "refused" | "io";
  /** The daemon's words, or the system's. */
  readonly detail: string;
}> {
  /** What is wrong with which daemon, and what to do. */
  override get message(): string {
    const daemon = `the DHCP daemon at "${this.socket}"`;
    switch (this.reason) {
      case "unreachable":
        return `Cannot reach ${daemon}: ${this.detail}; start it: cleat dhcp daemon`;
      case "no lease":
        return `Cannot get a lease from ${daemon}: ${this.detail}; no DHCP server has granted an address in time`;
      case "refused":
        return `Cannot get a lease from ${daemon}: ${this.detail}`;
      default:
        return `Cannot talk to ${daemon}: ${this.detail}`;
    }
  }
}

/** What plugins may see of the daemon. */
export interface DhcpView {
  /** Fails where nobody answers. */
  readonly reach: (socket: string) => Effect.Effect<void, DhcpError>;
  /**
   * The leases of a network that the daemon keeps, or of one attachment; null where it is one that cannot tell, as Go's.
   * Nothing is allocated by asking.
   */
  readonly leases: (
    socket: string,
    of: AttachmentKey | { readonly network: string },
  ) => Effect.Effect<readonly HeldLease[] | null, DhcpError>;
}

/** Everything the engine can do with the daemon. */
export interface DhcpShape extends DhcpView {
  /** Gets a lease, or tells the one that there is. */
  readonly allocate: (socket: string, args: RpcArgs) => Effect.Effect<DhcpGrant, DhcpError>;
  /**
   * Gives it back; nothing to give is success. False where there is no daemon: nobody renews the lease any more, and none
   * that is started later will.
   */
  readonly release: (socket: string, key: AttachmentKey, args: RpcArgs) => Effect.Effect<boolean, DhcpError>;
}

/** The daemon. */
export class Dhcp extends Context.Service<Dhcp, DhcpShape>()("cleat/Dhcp") {}
