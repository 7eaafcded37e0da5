/** Classes of an htb. */
import type { TrafficClass } from "../../host.ts";
import type { KernelOp } from "../../op.ts";
import { burstTicks } from "../../../../spec/token_bucket.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes, readUint } from "../netlink/message.ts";
import { type NetlinkSocket, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL } from "../netlink/socket.ts";
import { linkByName, requireIndex } from "../rtnetlink/link_look.ts";
import { RTM_TC, TCA, TCA_HTB } from "./constants.ts";
import { handleNumber, handleText, TCMSG, tcmsg } from "./header.ts";
import { RATESPEC, readRate, writeRate, writeRate64 } from "./rate.ts";

type Add = Extract<KernelOp, { readonly op: "class.add" }>;

/** What the kernel accepts in silence as the share of a class in one round, in bytes (htb_change_class, net/sched/sch_htb.c). */
const QUANTUM = { from: 1_000, to: 200_000 } as const;
/** A tenth of its rate, as where a class brings none. */
const RATE_TO_QUANTUM = 10;

/** Offset of the buffer in struct tc_htb_opt { ratespec rate, ceil; u32 buffer, cbuffer, quantum, level, prio }. */
const BUFFER = 2 * RATESPEC;

/** The body of the RTM_NEWTCLASS that adds it. A class that can borrow of none has its rate as its ceiling. */
export function encodeClass(ifindex: number, op: Add): Uint8Array {
  const ticks = burstTicks(op);
  const quantum = Math.min(Math.max(Math.floor(op.rate / RATE_TO_QUANTUM), QUANTUM.from), QUANTUM.to);
  const writer = tcmsg(ifindex, handleNumber(op.parent), handleNumber(op.class)).attributeString(TCA.KIND, "htb");
  writer.nested(TCA.OPTIONS, () => {
    writer.attribute(TCA_HTB.PARMS, () => {
      writeRate(writer, op.rate);
      writeRate(writer, op.rate);
      writer.u32(ticks).u32(ticks).u32(quantum).u32(0).u32(0);
    });
    writeRate64(writer, TCA_HTB.RATE64, op.rate);
    writeRate64(writer, TCA_HTB.CEIL64, op.rate);
  });
  return writer.finish();
}

/** Adds a class. Throws `NetlinkFailure`. */
export function addClass(socket: NetlinkSocket, op: Add): void {
  const body = encodeClass(requireIndex(socket, op.link), op);
  socket.request({ type: RTM_TC.NEWTCLASS, flags: NLM_F_CREATE | NLM_F_EXCL, body });
}

/** Reads an RTM_NEWTCLASS; null for one that is none of an htb. Never throws. */
export function decodeClass(body: Uint8Array): TrafficClass | null {
  const handle = readUint(body, 4, 8);
  const attributes = new Attributes(body.subarray(TCMSG));
  const options = attributes.nested(TCA.OPTIONS);
  const parms = options.bytes(TCA_HTB.PARMS);
  const rate = readRate(options, parms, TCA_HTB.RATE64);
  const burst = readUint(parms, 4, BUFFER);
  if (handle === null || rate === null || burst === null || attributes.string(TCA.KIND) !== "htb") return null;
  return { handle: handleText(handle), rate, burstTicks: burst };
}

/** What says that there is none. */
const NONE: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "EINVAL"]);

/** The class of an htb with that handle, or null. Throws `NetlinkFailure`. */
export function classOf(socket: NetlinkSocket, link: string, handle: string): TrafficClass | null {
  const found = linkByName(socket, link);
  if (found === null) return null;
  const number = handleNumber(handle);
  try {
    const body = tcmsg(found.index, (number & 0xffff_0000) >>> 0, number).finish();
    const [answer] = socket.request({ type: RTM_TC.GETTCLASS, flags: NLM_F_ECHO, body });
    return answer === undefined ? null : decodeClass(answer.body);
  } catch (error) {
    if (error instanceof NetlinkFailure && NONE.has(error.errno)) return null;
    throw error;
  }
}
