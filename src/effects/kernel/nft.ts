/**
 * nf_tables as plain values: what one batch can hold. Persisted inside `nft.apply`, so frozen like the ops.
 * Names and meanings are those of linux/netfilter/nf_tables.h.
 */

/**
 * Longest comment in bytes; what is longer is cut between characters. The kernel refuses 255 bytes of an element's user
 * data and drops 256 without an error; with the two bytes before it and the final NUL a comment stays well below that.
 */
export const MAX_COMMENT_BYTES = 190;

/** The family a table belongs to (NFPROTO_*). */
export type NftFamily = "inet" | "ip" | "ip6" | "bridge";

/** A typed field of an element's key or value; a concatenation is a list of them. */
export type NftField =
  | { readonly ip: string }
  | { readonly protocol: "tcp" | "udp" | "sctp" }
  | { readonly port: number }
  | { readonly ifName: string }
  | { readonly mac: string };

/** The type of a field in a set declaration (numbers known to nft only for listing). */
export type NftType = "ipv4_addr" | "ipv6_addr" | "ether_addr" | "inet_proto" | "inet_service" | "ifname";

/** Where a packet goes; `chain` for jump and goto. */
export type NftVerdict =
  | { readonly verdict: "accept" | "drop" | "return" }
  | { readonly verdict: "jump" | "goto"; readonly chain: string };

/** One expression of a rule. `bytes`, `mask` are lower-case hex; registers as in nf_tables.h (1-4 of 16 bytes, 8-23 of 4 bytes). */
export type NftExpr =
  | {
    readonly expr: "payload";
    readonly base: "link" | "network" | "transport";
    readonly offset: number;
    readonly length: number;
    readonly to: number;
  }
  | {
    readonly expr: "meta";
    readonly key: "nfproto" | "l4proto" | "iifname" | "oifname" | "mark" | "protocol";
    readonly to: number;
  }
  | { readonly expr: "ct"; readonly key: "status"; readonly to: number }
  | { readonly expr: "fib"; readonly result: "daddr type"; readonly to: number }
  | { readonly expr: "bitwise"; readonly from: number; readonly to: number; readonly mask: string }
  | { readonly expr: "cmp"; readonly is: "==" | "!="; readonly from: number; readonly bytes: string }
  | {
    readonly expr: "lookup";
    readonly set: string;
    readonly from: number;
    readonly to?: number;
    readonly not?: boolean;
  }
  | { readonly expr: "dnat"; readonly family: "ip" | "ip6"; readonly address: number; readonly port: number }
  | { readonly expr: "masquerade" }
  | { readonly expr: "counter" }
  | ({ readonly expr: "verdict" } & NftVerdict);

/** The hook of a base chain. */
export interface NftHook {
  /** What its rules may do: only those of "nat" chains translate addresses. */
  readonly type: "nat" | "filter";
  /** Where in a packet's way it is (NF_INET_* or NF_BR_*). */
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  /** Among the chains of a hook, lower runs first (NF_IP_PRI_*, linux/netfilter_ipv4.h). */
  readonly priority: number;
}

/** Names a table. */
export interface NftTable {
  /** Its family: tables of different families may have one name. */
  readonly family: NftFamily;
  /** Its name. */
  readonly table: string;
}

/** An element of a set or map. */
export interface NftElement extends NftTable {
  /** Name of the set or map. */
  readonly set: string;
  /** One field, or those of a concatenation. */
  readonly key: readonly NftField[];
  /** Of a map. In `remove` it makes the removal conditional: the element goes only while it has that value. */
  readonly value?: readonly NftField[] | NftVerdict;
  /** For people, at most `MAX_COMMENT_BYTES`. */
  readonly comment?: string;
}

/** One command of a batch. `exclusive` fails the batch with EEXIST when the thing is there; elements are always exclusive. */
export type NftCommand =
  | ({ readonly add: "table"; readonly comment?: string; readonly exclusive?: boolean } & NftTable)
  | ({
    readonly add: "chain";
    readonly chain: string;
    readonly hook?: NftHook;
    readonly comment?: string;
    readonly exclusive?: boolean;
  } & NftTable)
  | ({
    readonly add: "set";
    readonly set: string;
    readonly key: readonly NftType[];
    /** Makes it a map, of fields or of verdicts. */
    readonly value?: readonly NftType[] | "verdict";
    readonly comment?: string;
  } & NftTable)
  | (
    & { readonly add: "rule"; readonly chain: string; readonly exprs: readonly NftExpr[]; readonly comment?: string }
    & NftTable
  )
  | ({ readonly add: "element" } & NftElement)
  /** Absent elements, and elements with another value than the given one, are left alone. */
  | ({ readonly remove: "element" } & NftElement)
  /** Goes only while it has that comment: a table that was made anew counts from the beginning. Absent is fine. */
  | ({ readonly remove: "rule"; readonly chain: string; readonly handle: string; readonly comment: string } & NftTable)
  /** With its rules. Absent is fine; one that a rule leads to stays (EBUSY). */
  | ({ readonly remove: "chain"; readonly chain: string } & NftTable);

/** A rule as it can be told from others, whoever made it. */
export interface NftRule {
  /** Its number in its table, decimal (NFTA_RULE_HANDLE). */
  readonly handle: string;
  /** Null for none. */
  readonly comment: string | null;
  /** All that it compares with or loads, in lower-case hex and in its order: addresses, ports, names. */
  readonly values: readonly string[];
}
