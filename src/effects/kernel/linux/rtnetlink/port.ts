/** Settings of bridge ports. */
import type { PortSettings } from "../../op.ts";
import { Writer } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { IFLA, IFLA_BRPORT, IFLA_INFO, RTM } from "./constants.ts";
import { ifinfomsg, nameAttribute } from "./link_look.ts";

/** The body of an RTM_NEWLINK that changes a bridge port. */
export function encodePort(name: string, set: PortSettings): Uint8Array {
  const writer = nameAttribute(ifinfomsg(new Writer(), 0), name);
  writer.nested(IFLA.LINKINFO, () => {
    writer.attributeString(IFLA_INFO.SLAVE_KIND, "bridge");
    writer.nested(IFLA_INFO.SLAVE_DATA, () => {
      if (set.hairpin !== undefined) writer.attributeU8(IFLA_BRPORT.MODE, set.hairpin ? 1 : 0);
      if (set.isolated !== undefined) writer.attributeU8(IFLA_BRPORT.ISOLATED, set.isolated ? 1 : 0);
    });
  });
  return writer.finish();
}

/** Changes a bridge port. Throws `NetlinkFailure`. */
export function setPort(socket: NetlinkSocket, name: string, set: PortSettings): void {
  socket.request({ type: RTM.NEWLINK, body: encodePort(name, set) });
}
