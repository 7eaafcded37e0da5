/** Reads rules that choose a table out of RTM_NEWRULE. */
import type { PolicyRule } from "../../host.ts";
import { Attributes, attributesOf, readUint } from "../netlink/message.ts";
import { AF } from "./constants.ts";
import { readIp } from "./ip_attribute.ts";

/** Bytes of struct fib_rule_hdr { u8 family, dst_len, src_len, tos, table, res1, res2, action; u32 flags }. */
const FIB_RULE_HDR = 12;

/** Attributes of a rule (linux/fib_rules.h). */
export const FRA = { SRC: 2, PRIORITY: 6, SUPPRESS_PREFIXLEN: 14, TABLE: 15, PAD: 18, PROTOCOL: 21 } as const;

/** linux/fib_rules.h: look the packet up in a table. */
export const FR_ACT_TO_TBL = 1;
/** linux/fib_rules.h: the rule is for packets that it does not fit. */
const FIB_RULE_INVERT = 2;
/** FRA_SUPPRESS_PREFIXLEN of a rule that takes routes of any length: -1. */
const ANY_LENGTH = 0xffff_ffff;

/** Attributes that put no condition, and do nothing but lead to a table. */
const PLAIN: ReadonlySet<number> = new Set(Object.values(FRA));

/** Reads the body of an RTM_NEWRULE; null when it is too short, or no rule for IP packets. Never throws. */
export function decodeRule(body: Uint8Array): PolicyRule | null {
  const [family, dstLength, srcLength = 0, tos, headerTable, , , action] = body;
  const flags = readUint(body, 4, 8);
  if (flags === null || (family !== AF.INET && family !== AF.INET6)) return null;
  const bytes = body.subarray(FIB_RULE_HDR);
  const attributes = new Attributes(bytes);
  const source = readIp(attributes.bytes(FRA.SRC));
  const suppressed = attributes.u32(FRA.SUPPRESS_PREFIXLEN) ?? ANY_LENGTH;
  return {
    priority: attributes.u32(FRA.PRIORITY) ?? 0,
    from: source === null ? null : `${source}/${srcLength}`,
    table: attributes.u32(FRA.TABLE) ?? headerTable ?? 0,
    protocol: attributes.u8(FRA.PROTOCOL) ?? 0,
    plain: action === FR_ACT_TO_TBL && dstLength === 0 && tos === 0 && (flags & FIB_RULE_INVERT) === 0 &&
      suppressed === ANY_LENGTH && [...attributesOf(bytes)].every(([type]) => PLAIN.has(type)),
  };
}
