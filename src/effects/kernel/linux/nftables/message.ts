/** What every message of nf_tables starts with. */
import type { NftFamily } from "../../nft.ts";
import { Writer } from "../netlink/message.ts";
import { NFNL_SUBSYS_NFTABLES, NFPROTO } from "./constants.ts";
import { COMMENT, encodeComment } from "./userdata.ts";

/** Bytes of struct nfgenmsg { u8 family, version; be16 res_id }; attributes follow. */
export const NFGENMSG = 4;

/** Starts a message about something of a table. */
export const nftMessage = (family: NftFamily): Writer => new Writer().u8(NFPROTO[family]).u8(0).be16(0);

/** The type of a message: `message` is one of `MSG`. */
export const nftType = (message: number): number => NFNL_SUBSYS_NFTABLES << 8 | message;

/** Writes a comment, if there is one, as the user data attribute `type`; `kind` is `COMMENT` or `SET_COMMENT`. */
export const writeComment = (writer: Writer, type: number, comment: string | undefined, kind = COMMENT): void => {
  if (comment !== undefined) writer.attributeBytes(type, encodeComment(comment, kind));
};
