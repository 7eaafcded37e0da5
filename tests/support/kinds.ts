/**
 * Which kinds of links the kernel has. Not every one has them all: tests that need one it lacks are skipped, and say so in
 * their names; where `CLEAT_TEST_KINDS=required` is set they run, and fail.
 */
import { NetlinkFailure } from "../../src/effects/kernel/linux/netlink/error.ts";
import { Writer } from "../../src/effects/kernel/linux/netlink/message.ts";
import {
  NETLINK_ROUTE,
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from "../../src/effects/kernel/linux/netlink/socket.ts";
import { IFLA, IFLA_INFO, RTM } from "../../src/effects/kernel/linux/rtnetlink/constants.ts";
import { ifinfomsg } from "../../src/effects/kernel/linux/rtnetlink/link_look.ts";
import { newNetns } from "./netns.ts";

/** Whether tests of what the kernel lacks shall fail, not be skipped. */
export const isRequired = Deno.env.get("CLEAT_TEST_KINDS") === "required";

/** A kind that the kernel has, and that wants more than its name, is refused with EINVAL. */
const KNOWN: ReadonlySet<string> = new Set(["", "EINVAL"]);

/** What becomes of a link of this kind in a namespace that is thrown away: an errno, or nothing. */
function refusalOf(kind: string): string {
  try {
    using ns = newNetns();
    const socket = ns.run(() => NetlinkSocket.open(NETLINK_ROUTE));
    const writer = ifinfomsg(new Writer(), 0).attributeString(IFLA.IFNAME, "probe0");
    writer.nested(IFLA.LINKINFO, () => writer.attributeString(IFLA_INFO.KIND, kind));
    try {
      socket.request({ type: RTM.NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body: writer.finish() });
      return "";
    } finally {
      socket.close();
    }
  } catch (error) {
    return error instanceof NetlinkFailure ? error.errno : "no namespaces";
  }
}

const refusals = new Map<string, string>();

/** The errno with which the kernel refuses links of this kind; null where it has them. Each kind is asked for once. */
export function kindRefusal(kind: string): string | null {
  const refusal = refusals.get(kind) ?? refusalOf(kind);
  refusals.set(kind, refusal);
  return KNOWN.has(refusal) ? null : refusal;
}

/** Whether the kernel has links of this kind (IFLA_INFO_KIND). */
export const hasKind = (kind: string): boolean => kindRefusal(kind) === null;

/** Names a test that needs links of this kind; skipped visibly, with kind and errno, where the kernel has none. */
export function needsKind(kind: string, name: string): { name: string; ignore: boolean } {
  const refusal = kindRefusal(kind);
  if (refusal === null || isRequired) return { name, ignore: false };
  return { name: `${name} (skipped: no links of kind ${kind}: ${refusal})`, ignore: true };
}
