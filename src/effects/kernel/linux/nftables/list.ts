/** Lists of what a table has, whoever made it: its chains, the rules of a chain, the elements of its sets. */
import type { NftElement, NftRule, NftTable } from "../../nft.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes, attributesOf } from "../netlink/message.ts";
import { NFGENMSG } from "../netlink/nfnetlink.ts";
import type { NetlinkMessage } from "../netlink/socket.ts";
import type { NetfilterSocket } from "./batch.ts";
import { CHAIN, DATA, ELEMENT, ELEMENT_LIST, EXPR, LIST_ELEM, MSG, RULE, SET } from "./constants.ts";
import { readVerdict } from "./data.ts";
import { decodeFields, unpackTypes } from "./field.ts";
import { nftMessage, nftType } from "./message.ts";
import { COMMENT, decodeComment } from "./userdata.ts";

/** The messages of a dump; none where what they are about is missing. */
export function dump(
  socket: NetfilterSocket,
  ask: number,
  answer: number,
  body: Uint8Array,
): readonly Attributes[] {
  try {
    return socket.dump({ type: nftType(ask), body }).filter(({ type }: NetlinkMessage) => type === nftType(answer))
      .map(({ body }) => new Attributes(body.subarray(NFGENMSG)));
  } catch (error) {
    if (error instanceof NetlinkFailure && error.errno === "ENOENT") return [];
    throw error;
  }
}

/** Names of the chains of a table. The kernel lists those of the whole family. Throws `NetlinkFailure`. */
export const chainsOf = (socket: NetfilterSocket, { family, table }: NftTable): readonly string[] =>
  dump(socket, MSG.GETCHAIN, MSG.NEWCHAIN, nftMessage(family).attributeString(CHAIN.TABLE, table).finish())
    .flatMap((chain) => {
      const name = chain.string(CHAIN.NAME);
      return name === null || chain.string(CHAIN.TABLE) !== table ? [] : [name];
    });

/** What an expression compares with or loads: the only data of `cmp`, `immediate` and the like. */
function valuesOf(expression: Attributes): readonly string[] {
  const data = expression.bytes(EXPR.DATA);
  const found: string[] = [];
  for (const [, payload] of attributesOf(data ?? new Uint8Array())) {
    const value = new Attributes(payload).bytes(DATA.VALUE);
    // A number of four bytes can look like an empty attribute, but never like one that fills it.
    if (value !== null && value.length > 0 && payload.length >= value.length + 4) found.push(value.toHex());
  }
  return found;
}

/** The members of a list of attributes. */
export const membersOf = (list: Uint8Array | null): readonly Attributes[] =>
  [...attributesOf(list ?? new Uint8Array())].flatMap(([type, payload]) =>
    type === LIST_ELEM ? [new Attributes(payload)] : []
  );

/** The rules of a chain in their order; none where the chain or its table is missing. Throws `NetlinkFailure`. */
export function rulesOf(
  socket: NetfilterSocket,
  { family, table, chain }: NftTable & { readonly chain: string },
): readonly NftRule[] {
  const body = nftMessage(family).attributeString(RULE.TABLE, table).attributeString(RULE.CHAIN, chain).finish();
  return dump(socket, MSG.GETRULE, MSG.NEWRULE, body).flatMap((rule): readonly NftRule[] => {
    const handle = rule.bytes(RULE.HANDLE);
    if (handle === null || rule.string(RULE.CHAIN) !== chain || rule.string(RULE.TABLE) !== table) return [];
    const userdata = rule.bytes(RULE.USERDATA);
    return [{
      handle: BigInt(`0x${handle.toHex()}`).toString(),
      comment: userdata === null ? null : decodeComment(userdata, COMMENT),
      values: membersOf(rule.bytes(RULE.EXPRESSIONS)).flatMap(valuesOf),
    }];
  });
}

/** The elements of one set or map, told by its own message; most are passed over by their comment, undecoded. */
function membersOfSet(
  socket: NetfilterSocket,
  { family, table }: NftTable,
  declared: Attributes,
  wanted: string | undefined,
): readonly NftElement[] {
  const set = declared.string(SET.NAME);
  const keys = unpackTypes(declared.be32(SET.KEY_TYPE) ?? 0);
  const values = unpackTypes(declared.be32(SET.DATA_TYPE) ?? 0);
  if (set === null || keys === null || declared.string(SET.TABLE) !== table) return [];
  const body = nftMessage(family).attributeString(ELEMENT_LIST.TABLE, table).attributeString(ELEMENT_LIST.SET, set)
    .finish();
  const members = dump(socket, MSG.GETSETELEM, MSG.NEWSETELEM, body).flatMap((message) =>
    membersOf(message.bytes(ELEMENT_LIST.ELEMENTS))
  );
  return members.flatMap((member): readonly NftElement[] => {
    const userdata = member.bytes(ELEMENT.USERDATA);
    const comment = userdata === null ? null : decodeComment(userdata, COMMENT);
    if (wanted !== undefined && comment !== wanted) return [];
    const bytes = member.nested(ELEMENT.KEY).bytes(DATA.VALUE);
    const key = bytes === null ? null : decodeFields(keys, bytes);
    if (key === null) return [];
    const data = member.nested(ELEMENT.DATA);
    const plain = data.bytes(DATA.VALUE);
    const value = readVerdict(data) ?? (plain === null || values === null ? null : decodeFields(values, plain));
    return [{
      family,
      table,
      set,
      key,
      ...(value === null ? {} : { value }),
      ...(comment === null ? {} : { comment }),
    }];
  });
}

/**
 * The elements of all sets and maps of a table, or those with this comment; keys of types that are none of ours are left
 * out. Throws `NetlinkFailure`.
 */
export const elementsOf = (socket: NetfilterSocket, table: NftTable, comment?: string): readonly NftElement[] =>
  dump(socket, MSG.GETSET, MSG.NEWSET, nftMessage(table.family).attributeString(SET.TABLE, table.table).finish())
    .flatMap((declared) => membersOfSet(socket, table, declared, comment));
