/** Deleting many links at once, as a group (IFLA_GROUP, linux/if_link.h). */
import type { Link } from "../../host.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import { type NetlinkSocket, NLM_F_ACK } from "../netlink/socket.ts";
import { IFLA, RTM } from "./constants.ts";
import { ifinfomsg, linkByName, nameAttribute } from "./link_look.ts";

/** How many requests go into one send: were all of them refused, the refusals would still fit the socket's buffer. */
const AT_ONCE = 128;

/** Whether the refusal says that the link has gone meanwhile. */
const isGone = ({ errno }: NetlinkFailure): boolean => errno === "ENODEV";

/** Kinds of links that attachments have on the host: what else bears such a name is not theirs. */
const isGrouped = (link: Link | null): boolean => link?.kind === "veth" || link?.kind === "ifb";

/** Puts the link of that name into a group. */
const encodeGroup = (name: string, group: number): Uint8Array =>
  nameAttribute(ifinfomsg(new Writer(), 0), name).attributeU32(IFLA.GROUP, group).finish();

/** Deletes every link of a group (rtnl_group_dellink in net/core/rtnetlink.c). */
const encodeDelete = (group: number): Uint8Array => ifinfomsg(new Writer(), 0).attributeU32(IFLA.GROUP, group).finish();

/** A number that nobody else has given to a link, but for a chance of one in two thousand millions; 0 is every link's. */
const newGroup = (): number => 1 + Math.floor(Math.random() * 0x7fff_fffe);

/**
 * Deletes the veth pairs that have these ends in the socket's namespace, and ifbs. For each link it deletes the kernel
 * waits until no processor looks at it any more, 15 to 25 ms; for a group it waits once. Throws `NetlinkFailure`.
 */
export function deleteTogether(socket: NetlinkSocket, names: readonly string[]): void {
  const found = names.filter((name) => isGrouped(linkByName(socket, name)));
  const group = newGroup();
  let grouped = 0;
  for (let at = 0; at < found.length; at += AT_ONCE) grouped += join(socket, found.slice(at, at + AT_ONCE), group);
  if (grouped > 0) socket.request({ type: RTM.DELLINK, body: encodeDelete(group) });
}

/** Puts links into a group; answers how many there still were. */
function join(socket: NetlinkSocket, names: readonly string[], group: number): number {
  const requests = names.map((name, i) => ({
    type: RTM.NEWLINK,
    flags: i === names.length - 1 ? NLM_F_ACK : 0,
    body: encodeGroup(name, group),
  }));
  const { failures } = socket.batch(requests);
  const refused = failures.find(({ failure }) => !isGone(failure));
  if (refused !== undefined) throw refused.failure;
  return requests.length - failures.length;
}
