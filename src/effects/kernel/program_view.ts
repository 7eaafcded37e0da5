/** What programs of other projects keep in the kernel, as `HostView` shows it: only they may change it. */
import type * as Effect from "effect/Effect";
import type { HostError } from "./host.ts";
import type { Side } from "./op.ts";

/** A table of the program iptables. */
export type IptablesTable = "nat" | "filter";

/** Looks at what iptables and firewalld keep. */
export interface ProgramView {
  /**
   * The names of the chains in a table of the program iptables, of ip6tables for family 6; the NAT table, unless another
   * is named. No program is started, unless the host uses its legacy tables, which cannot be seen without; where it is
   * missing then, they count as empty.
   */
  readonly iptablesChains: (
    on: Side,
    family: 4 | 6,
    table?: IptablesTable,
  ) => Effect.Effect<readonly string[], HostError>;
  /** The rules of that table as `iptables -S` prints them, split into words. Starts the program, if there are chains. */
  readonly iptablesRules: (
    on: Side,
    family: 4 | 6,
    table?: IptablesTable,
  ) => Effect.Effect<readonly (readonly string[])[], HostError>;
  /** Whether firewalld runs. Starts firewall-cmd; where that is not installed, it does not. */
  readonly firewalldRuns: (on: Side) => Effect.Effect<boolean, HostError>;
  /** The zone of firewalld that a source is bound to; null for none, and where firewalld does not run. */
  readonly firewalldZone: (on: Side, source: string) => Effect.Effect<string | null, HostError>;
}
