/** Rules that choose a table of routes. */
import { type Family, formatCidr, ipBytes, networkOf, toCidr } from "../../../../spec/cidr.ts";
import type { PolicyRule } from "../../host.ts";
import type { KernelOp } from "../../op.ts";
import { isRuleOf } from "../../same.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { RTM } from "./constants.ts";
import { afOf } from "./ip_attribute.ts";
import { decodeRule, FR_ACT_TO_TBL, FRA } from "./rule_decode.ts";

/** Tables beyond go into FRA_TABLE: the header's has 8 bits. */
const MAX_HEADER_TABLE = 255;

type RuleOp = Extract<KernelOp, { op: "rule.add" | "rule.remove" }>;

/** struct fib_rule_hdr { u8 family, dst_len, src_len, tos, table, res1, res2, action; u32 flags }. */
const header = (family: Family, prefix = 0, table = 0, action = 0): Writer =>
  new Writer().u8(afOf(family)).u8(0).u8(prefix).u8(0).u8(table).u8(0).u8(0).u8(action).u32(0);

/** The body of an RTM_NEWRULE or RTM_DELRULE. */
export function encodeRule(op: RuleOp): Uint8Array {
  const { ip, prefix } = networkOf(op.from);
  const small = op.table <= MAX_HEADER_TABLE;
  const writer = header(ip.family, prefix, small ? op.table : 0, FR_ACT_TO_TBL);
  if (prefix > 0) writer.attributeBytes(FRA.SRC, ipBytes(ip));
  writer.attributeU32(FRA.PRIORITY, op.priority);
  if (!small) writer.attributeU32(FRA.TABLE, op.table);
  return writer.finish();
}

/** The rules of a family, in their order. Throws `NetlinkFailure`. */
export const policyRulesOf = (socket: NetlinkSocket, family: Family): readonly PolicyRule[] =>
  socket.dump({ type: RTM.GETRULE, body: header(family).finish() }).flatMap(({ body }) => decodeRule(body) ?? []);

const familyOf = ({ from }: RuleOp): Family => toCidr(from).ip.family;

const remove = (socket: NetlinkSocket, op: RuleOp): void =>
  void socket.request({ type: RTM.DELRULE, body: encodeRule(op) });

/**
 * Adds a rule; EEXIST when exactly it is there. One that must be alone is taken back where another leads to its table: it
 * is added before it looks, so of two that come at once at least one sees the other. Throws `NetlinkFailure`.
 */
export function addRule(socket: NetlinkSocket, op: RuleOp): void {
  // For IPv4 the kernel would choose one, and its removal could not name it.
  if (op.table === 0) throw new NetlinkFailure("EINVAL", "a rule must lead to a table");
  socket.request({ type: RTM.NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, body: encodeRule(op) });
  if (op.alone !== true) return;
  const there = policyRulesOf(socket, familyOf(op)).filter(({ table }) => table === op.table);
  if (there.every((rule) => isRuleOf(rule, op))) return;
  remove(socket, op);
  throw new NetlinkFailure("EEXIST", `another rule leads to table ${op.table}`);
}

/**
 * Removes exactly this rule; ENOENT when it is not there. The kernel takes what is not said for "any", so one that stands
 * behind another with the same source, table and priority, and a further condition, cannot be named: EBUSY. Throws
 * `NetlinkFailure`.
 */
export function removeRule(socket: NetlinkSocket, op: RuleOp): void {
  const from = formatCidr(networkOf(op.from));
  const alike = policyRulesOf(socket, familyOf(op)).filter((rule) =>
    rule.from === from && rule.table === op.table && rule.priority === op.priority
  );
  const at = alike.findIndex((rule) => isRuleOf(rule, op));
  if (at < 0) throw new NetlinkFailure("ENOENT", "there is no such rule");
  if (at > 0) throw new NetlinkFailure("EBUSY", "a rule with more conditions would go instead");
  remove(socket, op);
}
