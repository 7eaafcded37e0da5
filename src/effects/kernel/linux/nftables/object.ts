/** The requests that make tables, chains, sets and rules, and remove chains and rules. */
import type { NftCommand } from "../../nft.ts";
import { type NetlinkRequest, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import { CHAIN, DATA_TYPE_VERDICT, HOOK, HOOKNUM, MSG, NF_ACCEPT, RULE, SET, SET_IS_MAP, TABLE } from "./constants.ts";
import { writeExpression } from "./expression.ts";
import { lengthOf, packTypes } from "./field.ts";
import { nftMessage, nftType, writeComment } from "./message.ts";
import { SET_COMMENT } from "./userdata.ts";

/** NLM_F_APPEND (linux/netlink.h): at the end of the chain. */
export const NLM_F_APPEND = 0x800;

type Add<Kind extends "table" | "chain" | "set" | "rule"> = Extract<NftCommand, { readonly add: Kind }>;

type Remove = Extract<NftCommand, { readonly remove: "rule" | "chain" }>;

/** A command that makes or removes something to hold elements or rules, or a rule. */
export type ObjectCommand = Add<"table" | "chain" | "set" | "rule"> | Remove;

const create = (exclusive: boolean | undefined): number => NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0);

function tableRequest(command: Add<"table">): NetlinkRequest {
  const writer = nftMessage(command.family).attributeString(TABLE.NAME, command.table).attributeBe32(TABLE.FLAGS, 0);
  writeComment(writer, TABLE.USERDATA, command.comment);
  return { type: nftType(MSG.NEWTABLE), flags: create(command.exclusive), body: writer.finish() };
}

function chainRequest(command: Add<"chain">): NetlinkRequest {
  const { family, table, chain, hook } = command;
  const writer = nftMessage(family).attributeString(CHAIN.TABLE, table).attributeString(CHAIN.NAME, chain);
  if (hook !== undefined) {
    writer.nested(
      CHAIN.HOOK,
      () => writer.attributeBe32(HOOK.HOOKNUM, HOOKNUM[hook.hook]).attributeBe32(HOOK.PRIORITY, hook.priority),
    )
      .attributeBe32(CHAIN.POLICY, NF_ACCEPT).attributeString(CHAIN.TYPE, hook.type);
  }
  writeComment(writer, CHAIN.USERDATA, command.comment);
  return { type: nftType(MSG.NEWCHAIN), flags: create(command.exclusive), body: writer.finish() };
}

/** `id` must be there and differ within the batch; the kernel forgets it afterwards. */
function setRequest(command: Add<"set">, id: number): NetlinkRequest {
  const { family, table, set, key, value } = command;
  const writer = nftMessage(family).attributeString(SET.TABLE, table).attributeString(SET.NAME, set);
  writer.attributeBe32(SET.FLAGS, value === undefined ? 0 : SET_IS_MAP);
  writer.attributeBe32(SET.KEY_TYPE, packTypes(key)).attributeBe32(SET.KEY_LEN, lengthOf(key));
  if (value === "verdict") writer.attributeBe32(SET.DATA_TYPE, DATA_TYPE_VERDICT);
  else if (value !== undefined) {
    writer.attributeBe32(SET.DATA_TYPE, packTypes(value)).attributeBe32(SET.DATA_LEN, lengthOf(value));
  }
  writer.attributeBe32(SET.ID, id);
  writeComment(writer, SET.USERDATA, command.comment, SET_COMMENT);
  return { type: nftType(MSG.NEWSET), flags: NLM_F_CREATE, body: writer.finish() };
}

function ruleRequest(command: Add<"rule">): NetlinkRequest {
  const { family, table, chain, exprs } = command;
  const writer = nftMessage(family).attributeString(RULE.TABLE, table).attributeString(RULE.CHAIN, chain);
  writer.nested(RULE.EXPRESSIONS, () => {
    for (const expr of exprs) writeExpression(writer, expr);
  });
  writeComment(writer, RULE.USERDATA, command.comment);
  return { type: nftType(MSG.NEWRULE), flags: NLM_F_CREATE | NLM_F_APPEND, body: writer.finish() };
}

function removeRequest(command: Remove): NetlinkRequest {
  const writer = nftMessage(command.family);
  if (command.remove === "chain") {
    writer.attributeString(CHAIN.TABLE, command.table).attributeString(CHAIN.NAME, command.chain);
    return { type: nftType(MSG.DELCHAIN), body: writer.finish() };
  }
  writer.attributeString(RULE.TABLE, command.table).attributeString(RULE.CHAIN, command.chain)
    .attributeBe64(RULE.HANDLE, BigInt(command.handle));
  return { type: nftType(MSG.DELRULE), body: writer.finish() };
}

/** The request of one command; `id` is a number no other set of the batch has, and counts for sets only. */
export function objectRequest(command: ObjectCommand, id: number): NetlinkRequest {
  if ("remove" in command) return removeRequest(command);
  switch (command.add) {
    case "table":
      return tableRequest(command);
    case "chain":
      return chainRequest(command);
    case "set":
      return setRequest(command, id);
    case "rule":
      return ruleRequest(command);
  }
}
