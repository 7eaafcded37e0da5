/**
 * Rules in the words of iptables as nf_tables expressions, and back, in the form in which iptables-nft itself keeps them:
 * it lists, finds and deletes what is written so. Only what lets containers through is covered.
 */
import { hostPrefix } from "../../forward.ts";
import { formatIp, toCidr } from "../../../../spec/cidr.ts";
import { ipBytes, ipFromBytes } from "../../../../spec/ip.ts";
import type { Attributes, Writer } from "../netlink/message.ts";
import { DATA, EXPR, LIST_ELEM } from "./constants.ts";
import { readVerdict } from "./data.ts";
import { writeExpression } from "./expression.ts";

/** The words of a rule after its chain. */
type Words = readonly string[];

/** NFTA_MATCH_*. */
const MATCH = { NAME: 1, REVISION: 2, INFO: 3 } as const;
/** NFTA_PAYLOAD_OFFSET and NFTA_CMP_DATA. */
const PAYLOAD_OFFSET = 3;
const CMP_DATA = 3;

/** Where addresses lie in the network header, in bytes: struct iphdr and struct ipv6hdr. */
const OFFSETS = { 4: { "-s": 12, "-d": 16, length: 4 }, 6: { "-s": 8, "-d": 24, length: 16 } } as const;

/** struct xt_conntrack_mtinfo3 (linux/netfilter/xt_conntrack.h), aligned to 8: its length and two of its fields. */
const CONNTRACK = { length: 168, flags: 146, states: 150 } as const;
/** XT_CONNTRACK_STATE, and XT_CONNTRACK_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED. */
const STATE_FLAG = 1;
const ANSWERS = 0b110;
const ANSWER_STATES = "RELATED,ESTABLISHED";

/** struct xt_comment_info (linux/netfilter/xt_comment.h): a text, padded with NUL to this length. */
const COMMENT_LENGTH = 256;

const answersInfo = (): Uint8Array => {
  const info = new Uint8Array(CONNTRACK.length);
  const view = new DataView(info.buffer);
  view.setUint16(CONNTRACK.flags, STATE_FLAG, true);
  view.setUint16(CONNTRACK.states, ANSWERS, true);
  return info;
};

const commentInfo = (text: string): Uint8Array => {
  const info = new Uint8Array(COMMENT_LENGTH);
  new TextEncoder().encodeInto(text, info.subarray(0, COMMENT_LENGTH - 1));
  return info;
};

const writeMatch = (writer: Writer, name: string, revision: number, info: Uint8Array): Writer =>
  writer.nested(
    LIST_ELEM,
    () =>
      writer.attributeString(EXPR.NAME, "match").nested(EXPR.DATA, () =>
        writer.attributeString(MATCH.NAME, name).attributeBe32(MATCH.REVISION, revision)
          .attributeBytes(MATCH.INFO, info)),
  );

const writeAddress = (writer: Writer, which: "-s" | "-d", prefix: string): void => {
  const { ip } = toCidr(prefix);
  const { [which]: offset, length } = OFFSETS[ip.family];
  writeExpression(writer, { expr: "payload", base: "network", offset, length, to: 1 });
  writeExpression(writer, { expr: "cmp", is: "==", from: 1, bytes: ipBytes(ip).toHex() });
};

const writeTarget = (writer: Writer, target: string): void => {
  writeExpression(writer, { expr: "counter" });
  writeExpression(
    writer,
    target === "ACCEPT" ? { expr: "verdict", verdict: "accept" } : { expr: "verdict", verdict: "jump", chain: target },
  );
};

/** Writes the expressions of a rule. Throws `TypeError` for words that are none of ours. */
export function writeWords(writer: Writer, words: Words): void {
  const rest = [...words];
  while (rest.length > 0) {
    const [option = "", value = ""] = rest.splice(0, 2);
    if (option === "-s" || option === "-d") writeAddress(writer, option, value);
    else if (option === "-j") writeTarget(writer, value);
    else if (option === "--comment") writeMatch(writer, "comment", 0, commentInfo(value));
    else if (option === "--ctstate" && value === ANSWER_STATES) writeMatch(writer, "conntrack", 3, answersInfo());
    else if (option !== "-m") throw new TypeError(`Cannot write the rule "${words.join(" ")}" natively`);
  }
}

/** What stands for an expression that is none of ours: no rule with it equals one of ours. */
const UNKNOWN = "?";

const matchWords = (data: Attributes): Words => {
  const name = data.string(MATCH.NAME);
  const info = data.bytes(MATCH.INFO) ?? new Uint8Array();
  if (name === "comment") {
    const end = info.indexOf(0);
    return ["-m", "comment", "--comment", new TextDecoder().decode(end < 0 ? info : info.subarray(0, end))];
  }
  if (name === "conntrack" && info.toHex() === answersInfo().toHex()) {
    return ["-m", "conntrack", "--ctstate", ANSWER_STATES];
  }
  return [UNKNOWN];
};

const verdictWords = (data: Attributes): Words => {
  const verdict = readVerdict(data.nested(2));
  if (verdict === null) return [UNKNOWN];
  return "chain" in verdict ? ["-j", verdict.chain] : ["-j", verdict.verdict.toUpperCase()];
};

const addressWords = (offset: number | null, data: Attributes, family: 4 | 6): Words => {
  const bytes = data.nested(CMP_DATA).bytes(DATA.VALUE);
  const { length, ...places } = OFFSETS[family];
  const which = (["-s", "-d"] as const).find((option) => places[option] === offset);
  if (which === undefined || bytes?.length !== length) return [UNKNOWN];
  return [which, hostPrefix(formatIp(ipFromBytes(bytes)))];
};

/** The words of a rule from its expressions; "?" stands for what is none of ours. */
export function readWords(expressions: readonly Attributes[], family: 4 | 6): Words {
  let loaded: number | null = null;
  return expressions.flatMap((expression): Words => {
    const data = expression.nested(EXPR.DATA);
    switch (expression.string(EXPR.NAME)) {
      case "payload":
        loaded = data.be32(PAYLOAD_OFFSET);
        return [];
      case "cmp":
        return addressWords(loaded, data, family);
      case "match":
        return matchWords(data);
      case "immediate":
        return verdictWords(data);
      case "counter":
        return [];
      default:
        return [UNKNOWN];
    }
  });
}
