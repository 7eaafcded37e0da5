/** What the ops say of addresses and of the choice of routes. Persisted with them: frozen once released. */
import type { Side } from "./op.ts";

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
