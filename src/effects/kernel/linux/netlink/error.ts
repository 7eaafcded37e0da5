/** What the kernel answers to a netlink request it refuses. */
import { errnoName, SystemError } from "../../../libc/errno.ts";
import { aligned, Attributes, NLMSG_HDRLEN, readUint } from "./message.ts";

/** linux/netlink.h: the acknowledgement does not repeat the request's body. */
const NLM_F_CAPPED = 0x100;
/** linux/netlink.h: attributes follow in the acknowledgement. */
const NLM_F_ACK_TLVS = 0x200;
/** enum nlmsgerr_attrs: text for people, and the offset of the attribute that was refused. */
const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
/** Bytes of the `int` and the request's struct nlmsghdr at the start of an NLMSG_ERROR. */
const ERROR_HEADER = 20;

/** The kernel refused a netlink request: `errno` is symbolic, `extack` its own words, `offset` counts from the request's header. */
export class NetlinkFailure extends SystemError {
  override readonly name = "NetlinkFailure";
  readonly extack: string | undefined;
  readonly offset: number | undefined;

  constructor(errno: string, extack?: string, offset?: number) {
    super(errno, extack ?? "netlink");
    this.extack = extack;
    this.offset = offset;
  }
}

/**
 * Reads the body of an NLMSG_ERROR or NLMSG_DONE (`int` -errno first): null for an acknowledgement. A body too short
 * to hold a number is EBADMSG.
 */
export function readFailure(flags: number, body: Uint8Array): NetlinkFailure | null {
  const code = readUint(body, 4);
  if (code === null) return new NetlinkFailure("EBADMSG", "the kernel's answer is too short");
  const errno = -(code | 0);
  if (errno === 0) return null;
  if ((flags & NLM_F_ACK_TLVS) === 0) return new NetlinkFailure(errnoName(errno));
  // A capped acknowledgement repeats nothing of the request but its header.
  const requestLength = (flags & NLM_F_CAPPED) === 0 ? readUint(body, 4, 4) ?? NLMSG_HDRLEN : NLMSG_HDRLEN;
  const details = new Attributes(body.subarray(Math.max(ERROR_HEADER, 4 + aligned(requestLength))));
  const extack = details.string(NLMSGERR_ATTR_MSG) ?? undefined;
  return new NetlinkFailure(errnoName(errno), extack, details.u32(NLMSGERR_ATTR_OFFS) ?? undefined);
}
