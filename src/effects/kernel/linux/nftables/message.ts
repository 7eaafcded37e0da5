/** What every message of nf_tables starts with. */
import type { NftFamily } from "../../nft.ts";
import type { Writer } from "../netlink/message.ts";
import { nfgenmsg } from "../netlink/nfnetlink.ts";
import { NFNL_SUBSYS_NFTABLES, NFPROTO } from "./constants.ts";
import { COMMENT, encodeComment } from "./userdata.ts";

/** Starts a message about something of a table. */
export const nftMessage = (family: NftFamily): Writer => nfgenmsg(NFPROTO[family]);

/** The type of a message: `message` is one of `MSG`. */
export const nftType = (message: number): number => NFNL_SUBSYS_NFTABLES << 8 | message;

/** Writes a comment, if there is one, as the user data attribute `type`; `kind` is `COMMENT` or `SET_COMMENT`. */
export const writeComment = (writer: Writer, type: number, comment: string | undefined, kind = COMMENT): void => {
  if (comment !== undefined) writer.attributeBytes(type, encodeComment(comment, kind));
};
