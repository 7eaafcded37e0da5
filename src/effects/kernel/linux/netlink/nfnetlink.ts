/** What every message of nfnetlink, of whatever subsystem, starts with. */
import { Writer } from "./message.ts";

/** Bytes of struct nfgenmsg { u8 family, version; be16 res_id } (linux/netfilter/nfnetlink.h); attributes follow. */
export const NFGENMSG = 4;

/** Starts a message with its struct nfgenmsg. `resource` is used by batches only: the subsystem they are for. */
export const nfgenmsg = (family: number, resource = 0): Writer => new Writer().u8(family).u8(0).be16(resource);
