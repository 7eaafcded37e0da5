/** Making taps: the device of a program is made by ioctl(2) on /dev/net/tun, which rtnetlink cannot (linux/if_tun.h). */
import { SystemError } from "../../libc/errno.ts";
import { files, O_RDWR } from "../../libc/files.ts";
import { ioctlMemory, ioctlValue } from "../../libc/ioctl.ts";
import { type CreatedLink, HostError } from "../host.ts";
import type { KernelOp, LinkSettings, TapKind } from "../op.ts";
import { where } from "./describe.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import type { OpenNetns } from "./netns.ts";
import { IFF_TAP } from "./rtnetlink/constants.ts";
import { deleteLink, setLink } from "./rtnetlink/link.ts";
import { linkByName, requireLink } from "./rtnetlink/link_look.ts";
import { makeLabelledTap } from "./tap_labelled.ts";

/** A request for a tap. */
export type CreateTap = Extract<KernelOp, { readonly op: "link.create" }> & { readonly link: TapKind };

const DEVICE = "/dev/net/tun";

/** _IOW('T', n, int) of linux/if_tun.h. */
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const TUNSETGROUP = 0x400454ce;

/** No packet information before the frames; a header for offloads instead; and nobody else's device. */
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;

/** Bytes of struct ifreq, and of the name at its start (IFNAMSIZ: linux/if.h). */
const IFREQ = 40;
const IFNAMSIZ = 16;

/** A descriptor of the device belongs to the namespace that it was opened in. */
function openDevice(netns: OpenNetns): number {
  const fd = netns.run(() => files.open(DEVICE, O_RDWR));
  if (fd !== null) return fd;
  throw new NetlinkFailure("EOPNOTSUPP", `there is no ${DEVICE}: the kernel's module "tun" is not there`);
}

/** The kernel would take an empty name, and one that is too long, for another one. */
function ifreq(name: string, flags: number): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0) throw new NetlinkFailure("EINVAL", "a link has a name");
  if (bytes.length >= IFNAMSIZ) throw new NetlinkFailure("ERANGE", `a name has at most ${IFNAMSIZ - 1} bytes`);
  const request = new Uint8Array(IFREQ);
  request.set(bytes);
  new DataView(request.buffer).setUint16(IFNAMSIZ, flags, true);
  return request;
}

const nameTaken = (op: CreateTap): HostError =>
  new HostError({
    doing: `create link ${where(op.on)}`,
    subject: op.name,
    errno: "EEXIST",
    extack: "a link of that name is there already",
  });

/** Makes the device, which lives as long as the descriptor. */
function attach(fd: number, op: CreateTap): void {
  const { multiQueue, owner, group } = op.link;
  const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL | (multiQueue === true ? IFF_MULTI_QUEUE : 0);
  try {
    ioctlMemory(fd, "TUNSETIFF", TUNSETIFF, ifreq(op.name, flags));
  } catch (error) {
    throw error instanceof SystemError && error.errno === "EBUSY" ? nameTaken(op) : error;
  }
  if (owner !== undefined) ioctlValue(fd, "TUNSETOWNER", TUNSETOWNER, owner);
  if (group !== undefined) ioctlValue(fd, "TUNSETGROUP", TUNSETGROUP, group);
}

/** What is left to set with rtnetlink. */
function configure({ route }: OpenNetns, { name, mtu, mac, master, up }: CreateTap): void {
  const set: LinkSettings = {
    ...(mtu === undefined ? {} : { mtu }),
    ...(mac === undefined ? {} : { mac }),
    ...(master === undefined ? {} : { master }),
    ...(up === undefined ? {} : { up }),
  };
  if (Object.keys(set).length > 0) setLink(route, name, set);
}

/** A tap that another program has made is there to stay from the start. */
function createLabelled(op: CreateTap, selinuxContext: string, netns: OpenNetns): void {
  if (linkByName(netns.route, op.name) !== null) throw nameTaken(op);
  makeLabelledTap(netns, { ...op.link, name: op.name, selinuxContext });
  try {
    configure(netns, op);
  } catch (error) {
    deleteLink(netns.route, { name: op.name });
    throw error;
  }
}

/** The device becomes one that stays as the last step: whatever ends before, the kernel takes it away with the descriptor. */
function createAlone(op: CreateTap, netns: OpenNetns): void {
  const fd = openDevice(netns);
  try {
    attach(fd, op);
    configure(netns, op);
    ioctlValue(fd, "TUNSETPERSIST", TUNSETPERSIST, 1);
  } finally {
    files.close(fd);
  }
}

/** Makes a tap in the namespace. Throws `SystemError`, or `HostError` EEXIST when the name is taken; then there is none. */
export function createTap(op: CreateTap, netns: OpenNetns): CreatedLink {
  const { selinuxContext } = op.link;
  if (selinuxContext === undefined) createAlone(op, netns);
  else createLabelled(op, selinuxContext, netns);
  const { index, mac } = requireLink(netns.route, op.name);
  return { index, mac };
}
