/** struct tcmsg { u8 family; u8, u16 pad; i32 ifindex; u32 handle, parent, info }, with which every message here starts. */
import { Writer } from "../netlink/message.ts";

/** Its bytes. */
export const TCMSG = 20;

/** Numbers that stand for no handle (linux/pkt_sched.h): what leaves by a link, and what comes in. */
const TC_H_ROOT = 0xffff_ffff;
const TC_H_INGRESS = 0xffff_fff1;

/** The number of a handle; of the words for parents, too. Of what is no handle, 0. */
export function handleNumber(text: string): number {
  if (text === "root") return TC_H_ROOT;
  if (text === "ingress") return TC_H_INGRESS;
  const [, major, minor] = /^([0-9a-f]{1,4}):([0-9a-f]{0,4})$/.exec(text) ?? [];
  return major === undefined ? 0 : ((parseInt(major, 16) << 16) | parseInt(minor || "0", 16)) >>> 0;
}

/** A handle as tc(8) writes it. */
export const handleText = (handle: number): string =>
  `${(handle >>> 16).toString(16)}:${(handle & 0xffff) === 0 ? "" : (handle & 0xffff).toString(16)}`;

/** Starts a message. `info` is only a filter's: its priority and protocol. */
export const tcmsg = (ifindex: number, parent: number, handle = 0, info = 0): Writer =>
  new Writer().u32(0).u32(ifindex).u32(handle).u32(parent).u32(info);
