/** Taking a link to another namespace, and giving it back. */
import { files } from "../../../libc/files.ts";
import type { Link } from "../../host.ts";
import { isSameLink, pickLink } from "../../link_identity.ts";
import type { KernelOp, LinkIdentity, LinkState } from "../../op.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import type { OpenNetns } from "../netns.ts";
import { addAddress } from "./address.ts";
import { IFF, IFLA, RTM } from "./constants.ts";
import { setLink, writeAlias } from "./link.ts";
import { allLinks, ifinfomsg, linkByName, requireIndex, requireLink } from "./link_look.ts";
import { addRoute } from "./route.ts";

type Move = Extract<KernelOp, { readonly op: "link.move" }>;
type Return = Extract<KernelOp, { readonly op: "link.return" }>;

/** What changes of a link besides its namespace. */
interface Arrival {
  readonly netns?: number;
  readonly name?: string;
  readonly alias?: string;
}

/**
 * The body of an RTM_SETLINK that sends the link with that index to the namespace of a descriptor, or renames it. The name
 * is one in the target: a link whose old name is taken there bears the new one from the start.
 */
function encodeMove(index: number, { netns, name, alias }: Arrival): Uint8Array {
  const writer = ifinfomsg(new Writer(), index);
  if (netns !== undefined) writer.attributeU32(IFLA.NET_NS_FD, netns);
  if (name !== undefined) writer.attributeString(IFLA.IFNAME, name);
  if (alias !== undefined) writeAlias(writer, alias);
  return writer.finish();
}

const change = (socket: NetlinkSocket, index: number, arrival: Arrival): void =>
  void socket.request({ type: RTM.SETLINK, body: encodeMove(index, arrival) });

/** Names longer than IFLA_IFNAME allows are alternative ones; those of ops are the kernel's own. */
const setUp = (socket: NetlinkSocket, index: number, up: boolean): void =>
  void socket.request({ type: RTM.NEWLINK, body: ifinfomsg(new Writer(), index, up ? IFF.UP : 0, IFF.UP).finish() });

const taken = (name: string, where: string): NetlinkFailure =>
  new NetlinkFailure("EEXIST", `a link of the name "${name}" is ${where} already`);

/**
 * Takes a link to `far`. EEXIST when its name there is taken. The kernel moves first and renames then: who takes the name
 * in between makes it stay there under its old name, and then it is sent home. Throws `NetlinkFailure`.
 */
export function moveLink(op: Move, home: OpenNetns, far: OpenNetns): void {
  const index = requireIndex(home.route, op.name);
  if (linkByName(far.route, op.to.name) !== null) throw taken(op.to.name, "there");
  const { alias } = op;
  try {
    change(home.route, index, { netns: far.fd, name: op.to.name, ...(alias === undefined ? {} : { alias }) });
  } catch (error) {
    const stranded = linkByName(home.route, op.name) === null ? linkByName(far.route, op.name) : null;
    if (stranded === null || !isSameLink(stranded, op.link)) throw error;
    // Not a typed failure: the log must not say that nothing was changed.
    throw new Error(`Cannot rename "${op.name}" to "${op.to.name}" after it was moved`, { cause: error });
  }
}

const findIn = (netns: OpenNetns, link: LinkIdentity, first: string): Link | null =>
  pickLink(allLinks(netns.route), link, first);

/** Sends a link home from `far`; where that fails, it is there as it was. */
function sendHome(op: Return, found: Link, home: OpenNetns, far: OpenNetns): void {
  const { index, name, up } = found;
  // Some kernels rename no link that is up; and it must not be seen at home under the name that it had in the container.
  if (up) setUp(far.route, index, false);
  try {
    if (name !== op.name && linkByName(far.route, op.name) === null) change(far.route, index, { name: op.name });
    change(far.route, index, { netns: home.fd, name: op.name });
  } catch (error) {
    if (linkByName(far.route, op.name)?.index === index) change(far.route, index, { name });
    if (up) setUp(far.route, index, true);
    throw error;
  }
}

/** Hardware that is in none of the namespaces asked is in another one, perhaps one that is being taken down. */
function notFound({ name, link }: Return): NetlinkFailure {
  const at = link.device?.indexOf("/") ?? -1;
  const [bus, device] = [link.device?.slice(0, at), link.device?.slice(at + 1)];
  const exists = link.device !== undefined && files.statusOf(`/sys/bus/${bus}/devices/${device}`) !== null;
  return exists
    ? new NetlinkFailure("EBUSY", `"${name}" is in another network namespace, which may be about to end`)
    : new NetlinkFailure("ENODEV", `there is no such link any more`);
}

/** What a link may refuse when it comes back: a route whose gateway cannot be reached, an address that is there. */
const IGNORED: ReadonlySet<string> = new Set([
  "EEXIST",
  "EINVAL",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EACCES",
  "ENODEV",
]);

const unlessRefused = (act: () => void): void => {
  try {
    act();
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || !IGNORED.has(error.errno)) throw error;
  }
};

/** Up comes after everything that a second attempt would look for. */
function restore({ on, name }: Return, was: LinkState, home: OpenNetns): void {
  const { up, master, mac, ...set } = was.set;
  // Not every device can be given an address, even where it is the one that it has.
  const isOther = mac !== undefined && requireLink(home.route, name).mac !== mac;
  setLink(home.route, name, { ...set, ...(isOther ? { mac } : {}) });
  if (master !== undefined) unlessRefused(() => setLink(home.route, name, { master }));
  for (const address of was.addresses) {
    const noDad = address.includes(":") ? { noDad: true } : {};
    unlessRefused(() => addAddress(home.route, { op: "address.add", on, link: name, address, ...noDad }));
  }
  if (up !== true) return;
  setLink(home.route, name, { up });
  for (const route of was.routes) {
    unlessRefused(() => addRoute(home.route, { op: "route.add", on, link: name, ...route }));
  }
}

/**
 * Gives a link back, see `link.return`. One that is at home under its name is completed if it is down, as it arrives, and
 * left alone if it is up: somebody uses it. `far` is null for a namespace that is gone. Throws `NetlinkFailure`.
 */
export function returnLink(op: Return, home: OpenNetns, far: OpenNetns | null): void {
  const there = linkByName(home.route, op.name);
  if (there !== null && isSameLink(there, op.link)) {
    if (!there.up) restore(op, op.was, home);
    return;
  }
  const away = far === null ? null : findIn(far, op.link, op.from.name);
  // Only hardware comes back by itself.
  const stray = away === null && op.link.device !== undefined ? findIn(home, op.link, op.from.name) : null;
  if (away === null && stray === null) throw notFound(op);
  if (there !== null) throw taken(op.name, "on the host");
  if (away !== null && far !== null) sendHome(op, away, home, far);
  if (stray !== null) {
    if (stray.up) setUp(home.route, stray.index, false);
    change(home.route, stray.index, { name: op.name });
  }
  restore(op, op.was, home);
}
