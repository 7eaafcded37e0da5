/** Queueing disciplines. */
import type { Qdisc } from "../../host.ts";
import type { KernelOp, QdiscKind } from "../../op.ts";
import { burstTicks } from "../../../../spec/token_bucket.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes, readUint, type Writer } from "../netlink/message.ts";
import { type NetlinkSocket, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL } from "../netlink/socket.ts";
import { linkByName, requireIndex } from "../rtnetlink/link_look.ts";
import { RTM_TC, TCA, TCA_HTB, TCA_TBF } from "./constants.ts";
import { handleNumber, handleText, TCMSG, tcmsg } from "./header.ts";
import { RATESPEC, readRate, writeRate, writeRate64 } from "./rate.ts";

type Add = Extract<KernelOp, { readonly op: "qdisc.add" }>;
type Delete = Extract<KernelOp, { readonly op: "qdisc.delete" }>;

/** TC_HTB_PROTOVER (linux/pkt_sched.h), and the divisor for quantums of classes that bring none of their own. */
const HTB_VERSION = 3;
const RATE_TO_QUANTUM = 10;

/** How many packets that nothing holds up may wait for the link. The kernel would take the length of its queue, which may be 0. */
const DIRECT_PACKETS = 1_000;

/** Offsets in struct tc_tbf_qopt { ratespec rate, peakrate; u32 limit, buffer, mtu } and tc_htb_glob { u32 version, rate2quantum, defcls, … }. */
const TBF_LIMIT = 2 * RATESPEC;
const TBF_BUFFER = TBF_LIMIT + 4;
const HTB_DEFAULT_CLASS = 8;

function writeTbf(writer: Writer, qdisc: QdiscKind & { readonly kind: "tbf" }): void {
  writer.attribute(TCA_TBF.PARMS, () => {
    writeRate(writer, qdisc.rate);
    writeRate(writer, 0);
    writer.u32(qdisc.limit).u32(burstTicks(qdisc)).u32(0);
  });
  writeRate64(writer, TCA_TBF.RATE64, qdisc.rate);
}

function writeHtb(writer: Writer, { fallback }: QdiscKind & { readonly kind: "htb" }): void {
  const minor = fallback === undefined ? 0 : handleNumber(fallback) & 0xffff;
  writer.attribute(TCA_HTB.INIT, () => writer.u32(HTB_VERSION).u32(RATE_TO_QUANTUM).u32(minor).u32(0).u32(0));
  writer.attributeU32(TCA_HTB.DIRECT_QLEN, DIRECT_PACKETS);
}

function writeOptions(writer: Writer, qdisc: QdiscKind): void {
  switch (qdisc.kind) {
    case "tbf":
      return void writer.nested(TCA.OPTIONS, () => writeTbf(writer, qdisc));
    case "htb":
      return void writer.nested(TCA.OPTIONS, () => writeHtb(writer, qdisc));
    case "bfifo":
      return void writer.attributeU32(TCA.OPTIONS, qdisc.limit);
    case "ingress":
      return;
    default:
      return qdisc satisfies never;
  }
}

/** The body of the RTM_NEWQDISC that adds it. */
export function encodeQdisc(ifindex: number, { parent, handle, qdisc }: Add): Uint8Array {
  const writer = tcmsg(ifindex, handleNumber(parent), handleNumber(handle)).attributeString(TCA.KIND, qdisc.kind);
  writeOptions(writer, qdisc);
  return writer.finish();
}

/** Adds a queueing discipline where only the kernel's own is. Throws `NetlinkFailure`. */
export function addQdisc(socket: NetlinkSocket, op: Add): void {
  const body = encodeQdisc(requireIndex(socket, op.link), op);
  socket.request({ type: RTM_TC.NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, body });
}

/** Deletes a queueing discipline, while it is the one that is meant. Throws `NetlinkFailure`. */
export function deleteQdisc(socket: NetlinkSocket, { link, parent, handle, kind }: Delete): void {
  const body = tcmsg(requireIndex(socket, link), handleNumber(parent), handleNumber(handle))
    .attributeString(TCA.KIND, kind).finish();
  try {
    socket.request({ type: RTM_TC.DELQDISC, body });
  } catch (error) {
    // The kernel compares handle and kind before it deletes anything.
    if (!(error instanceof NetlinkFailure) || error.errno !== "EINVAL") throw error;
    throw new NetlinkFailure("ENOENT", error.extack);
  }
}

function readTbf(options: Attributes): Partial<Qdisc> {
  const parms = options.bytes(TCA_TBF.PARMS);
  const rate = readRate(options, parms, TCA_TBF.RATE64);
  const [limit, burst] = [readUint(parms, 4, TBF_LIMIT), readUint(parms, 4, TBF_BUFFER)];
  return rate === null || limit === null || burst === null ? {} : { rate, limit, burstTicks: burst };
}

function readHtb(options: Attributes, handle: number): Partial<Qdisc> {
  const minor = readUint(options.bytes(TCA_HTB.INIT), 4, HTB_DEFAULT_CLASS);
  return minor === null || minor === 0 ? {} : { fallback: handleText((handle & 0xffff_0000) | (minor & 0xffff)) };
}

function readOptions(kind: string, handle: number, attributes: Attributes): Partial<Qdisc> {
  if (kind === "tbf") return readTbf(attributes.nested(TCA.OPTIONS));
  if (kind === "htb") return readHtb(attributes.nested(TCA.OPTIONS), handle);
  const limit = kind === "bfifo" ? attributes.u32(TCA.OPTIONS) : null;
  return limit === null ? {} : { limit };
}

/** Reads an RTM_NEWQDISC; null for the kernel's own, which has no handle, and for what is too short. Never throws. */
export function decodeQdisc(body: Uint8Array): Qdisc | null {
  const handle = readUint(body, 4, 8);
  const attributes = new Attributes(body.subarray(TCMSG));
  const kind = attributes.string(TCA.KIND);
  if (handle === null || handle === 0 || kind === null) return null;
  return { handle: handleText(handle), kind, ...readOptions(kind, handle, attributes) };
}

/** What says that there is none. */
const NONE: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "EINVAL"]);

/** The queueing discipline there; null for none, for the kernel's own, and for a missing link. Throws `NetlinkFailure`. */
export function qdiscOf(socket: NetlinkSocket, link: string, parent: string): Qdisc | null {
  const found = linkByName(socket, link);
  if (found === null) return null;
  try {
    // Without the echo, older kernels tell everybody who listens, but not who asks.
    const body = tcmsg(found.index, handleNumber(parent)).finish();
    const [answer] = socket.request({ type: RTM_TC.GETQDISC, flags: NLM_F_ECHO, body });
    return answer === undefined ? null : decodeQdisc(answer.body);
  } catch (error) {
    if (error instanceof NetlinkFailure && NONE.has(error.errno)) return null;
    throw error;
  }
}
