/** struct tc_ratespec { u8 cell_log, linklayer; u16 overhead; i16 cell_align; u16 mpu; u32 rate } (linux/pkt_sched.h). */
import { type Attributes, readUint, type Writer } from "../netlink/message.ts";

/** Its bytes. */
export const RATESPEC = 12;
/** Where in it the rate is. */
const RATE = 8;

const MAX_U32 = 0xffff_ffff;
const U32 = 2 ** 32;

/** Writes a rate in bytes per second, as far as 32 bits go: from 2^32 on an attribute of 64 bits says the rest. */
export const writeRate = (writer: Writer, rate: number): Writer => writer.u32(0).u32(0).u32(Math.min(rate, MAX_U32));

/** The attribute of a rate that does not fit 32 bits. */
export function writeRate64(writer: Writer, type: number, rate: number): void {
  if (rate < U32) return;
  writer.attribute(type, () => writer.u32(rate % U32).u32(Math.floor(rate / U32)));
}

/** Reads a rate in bytes per second from where it begins in `parms`; `type` is the attribute with more bits. */
export function readRate(options: Attributes, parms: Uint8Array | null, type: number): number | null {
  const large = options.bytes(type);
  const [low, high] = [readUint(large, 4), readUint(large, 4, 4)];
  return low !== null && high !== null ? high * U32 + low : readUint(parms, 4, RATE);
}
