/** Numbers of linux/netfilter.h, netfilter/nfnetlink.h and netfilter/nf_tables.h, under the kernel's names. */
import type { NftFamily, NftType } from "../../nft.ts";

/** The upper byte of a message type. */
export const NFNL_SUBSYS_NFTABLES = 10;

/** NFNL_MSG_BATCH_*: what encloses a batch, and NFNL_BATCH_GENID, an attribute of its begin. */
export const BATCH = { BEGIN: 0x10, END: 0x11, GENID: 1 } as const;

/** NFPROTO_*: the family byte of `struct nfgenmsg`. */
export const NFPROTO: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, bridge: 7, ip6: 10 };

/** NFT_MSG_*: the lower byte of a message type. */
export const MSG = {
  NEWTABLE: 0,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
} as const;

/** NFTA_TABLE_*. */
export const TABLE = { NAME: 1, FLAGS: 2, USERDATA: 6 } as const;
/** NFTA_CHAIN_*. */
export const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7, USERDATA: 12 } as const;
/** NFTA_HOOK_*. */
export const HOOK = { HOOKNUM: 1, PRIORITY: 2 } as const;
/** NFTA_RULE_*. */
export const RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, POSITION: 6, USERDATA: 7 } as const;
/** NFTA_SET_*. */
export const SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LEN: 5,
  DATA_TYPE: 6,
  DATA_LEN: 7,
  ID: 10,
  USERDATA: 13,
} as const;
/** NFTA_SET_ELEM_LIST_*. */
export const ELEMENT_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
/** NFTA_SET_ELEM_*. */
export const ELEMENT = { KEY: 1, DATA: 2, USERDATA: 6 } as const;
/** NFTA_DATA_* and NFTA_VERDICT_*. */
export const DATA = { VALUE: 1, VERDICT: 2, VERDICT_CODE: 1, VERDICT_CHAIN: 2 } as const;
/** NFTA_EXPR_*. */
export const EXPR = { NAME: 1, DATA: 2 } as const;
/** NFTA_LIST_ELEM: one member of a list. */
export const LIST_ELEM = 1;
/** NFTA_GEN_ID, of NFT_MSG_NEWGEN. */
export const GEN_ID = 1;

/** NF_INET_* hook numbers; NF_BR_* are the same. */
export const HOOKNUM = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** NF_ACCEPT, the policy of every base chain we make. */
export const NF_ACCEPT = 1;

/** NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN. */
export const VERDICT_CODE = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

/** NFT_SET_MAP. */
export const SET_IS_MAP = 8;

/** NFT_DATA_VERDICT: the data type of a verdict map. */
export const DATA_TYPE_VERDICT = 0xffff_ff00;

/**
 * What a field of a key or value is: `id` is the number `nft` knows the type by (libnftables, `enum datatypes`), which
 * the kernel stores and does not interpret; `length` in bytes.
 */
export const TYPES: Readonly<Record<NftType, { readonly id: number; readonly length: number }>> = {
  ipv4_addr: { id: 7, length: 4 },
  ipv6_addr: { id: 8, length: 16 },
  ether_addr: { id: 9, length: 6 },
  inet_proto: { id: 12, length: 1 },
  inet_service: { id: 13, length: 2 },
  ifname: { id: 41, length: 16 },
};

/** Registers: the verdict's own; 1 to 4 hold 16 bytes each, 8 to 23 hold 4 bytes each of the same memory. */
export const NFT_REG_VERDICT = 0;

/** IPPROTO_* (linux/in.h). */
export const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
