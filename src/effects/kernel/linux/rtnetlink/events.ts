/** Waiting for a change by listening to rtnetlink's events. */
import { SystemError } from "../../../libc/errno.ts";
import { readable } from "../../../libc/sockets.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../netlink/socket.ts";
import type { OpenNetns } from "../netns.ts";

/** linux/rtnetlink.h: groups of events. */
export const RTNLGRP = { LINK: 1, IPV6_IFADDR: 9 } as const;

/** Events only say that it is time to look again: losing some (ENOBUFS) does no harm. */
function drain(events: NetlinkSocket): void {
  try {
    while (events.receive() !== null);
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== "ENOBUFS") throw error;
  }
}

/**
 * Looks until `look` answers something, at most `limitMs` milliseconds: null then, or when `signal` is aborted. It looks
 * once after subscribing, so that nothing can happen unseen in between. Rejects with `SystemError`.
 */
export async function untilSettled<T>(
  netns: OpenNetns,
  group: number,
  limitMs: number,
  look: () => T | null,
  signal: AbortSignal,
): Promise<T | null> {
  const deadline = performance.now() + limitMs;
  const events = netns.run(() => NetlinkSocket.open(NETLINK_ROUTE));
  try {
    events.subscribe(group);
    while (!signal.aborted) {
      const settled = look();
      const left = deadline - performance.now();
      if (settled !== null || left <= 0) return settled;
      await readable(events.fd, left);
      drain(events);
    }
    return null;
  } finally {
    events.close();
  }
}
