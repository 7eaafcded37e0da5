/** VRFs: what several attachments share of a container. */
import type { CreatedLink, Link } from "../../host.ts";
import type { VrfKind } from "../../op.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { RTM } from "./constants.ts";
import { allLinks, ifinfomsg } from "./link_look.ts";

/** Whether it is a VRF with that table. */
export const isVrf = (link: Link, { table }: VrfKind): boolean => link.kind === "vrf" && link.vrfTable === table;

/**
 * Takes a new VRF back where an older one has its table, EEXIST: of two that are made at once, the kernel's indexes say
 * which is the older. Throws `NetlinkFailure`.
 */
export function yieldTable(socket: NetlinkSocket, { index }: CreatedLink, link: VrfKind): void {
  if (allLinks(socket).every((other) => other.index >= index || !isVrf(other, link))) return;
  socket.request({ type: RTM.DELLINK, body: ifinfomsg(new Writer(), index).finish() });
  throw new NetlinkFailure("EEXIST", `another VRF has table ${link.table}`);
}
