import assert from "node:assert/strict";
import { type ConntrackFlush, flushConntrack } from "../../src/effects/kernel/linux/conntrack.ts";
import { NetlinkFailure } from "../../src/effects/kernel/linux/netlink/error.ts";
import type { NetlinkRequest, NetlinkSocket } from "../../src/effects/kernel/linux/netlink/socket.ts";
import { can, unless } from "../support/capabilities.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { nftSocket } from "../support/nft_tables.ts";

/** Whether entries can be made and listed by conntrack(8) in a namespace of our own. */
const works = can.netns && can.conntrack && (() => {
  using ns = newNetns();
  return ns.sh("conntrack -I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 60").code === 0;
})();

/** The entries of every test: UDP and TCP, both families, several destinations and ports. */
const entries = [
  "udp 192.0.2.2 192.0.2.1 1000 53",
  "udp 192.0.2.3 192.0.2.1 1000 53",
  "udp 192.0.2.2 192.0.2.9 1000 53",
  "udp 192.0.2.2 192.0.2.1 1000 54",
  "udp 192.0.2.2 192.0.2.1 53 1000",
  "tcp 192.0.2.2 192.0.2.1 1000 53",
  "udp 2001:db8::2 2001:db8::1 1000 53",
  "udp 2001:db8::2 2001:db8::9 1000 53",
];

const insert = (ns: Netns) =>
  ns.must(
    entries.map((entry) => {
      const [protocol, src, dst, sport, dport] = entry.split(" ");
      const state = protocol === "tcp" ? "--state ESTABLISHED" : "";
      return `conntrack -I -p ${protocol} -s ${src} -d ${dst} --sport ${sport} --dport ${dport} -t 60 ${state} 2>&1`;
    }).join(" && "),
  );

/** What is left, as written above, in that order. */
function left(ns: Netns): string[] {
  const listing = ns.must("conntrack -L -f ipv4 2>/dev/null; conntrack -L -f ipv6 2>/dev/null");
  const found = listing.split("\n").filter((line) => line !== "").map((line) => {
    const [, src, dst, sport, dport] = line.match(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/) ?? [];
    return `${line.slice(0, 3)} ${src} ${dst} ${sport} ${dport}`;
  });
  assert.ok(found.every((entry) => entries.includes(entry)), listing);
  return entries.filter((entry) => found.includes(entry));
}

const op = { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 } as const;

type Ctnetlink = Pick<NetlinkSocket, "request" | "dump">;

const kernels: readonly [string, (socket: NetlinkSocket) => Ctnetlink][] = [
  ["this kernel", (socket) => socket],
  ["a kernel whose delete takes no filter", (socket) => older(socket, "EINVAL")],
  ["a kernel that answers the filter with ENOENT", (socket) => older(socket, "ENOENT")],
  ["a kernel that knows no filter at all", (socket) => older(socket, "EOPNOTSUPP", true)],
];

const CTA_FILTER = 25;
const hasFilter = ({ body }: NetlinkRequest): boolean => {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 4; at + 4 <= body.length; at += (view.getUint16(at, true) + 3) & ~3) {
    if ((view.getUint16(at + 2, true) & 0x3fff) === CTA_FILTER) return true;
  }
  return false;
};

/** The kernel, but older: it refuses a delete, and with `listing` also a list, with a filter. */
function older(socket: NetlinkSocket, errno: string, listing = false): Ctnetlink {
  const refuse = (request: NetlinkRequest) => {
    if (hasFilter(request)) throw new NetlinkFailure(errno);
  };
  return {
    request: (request) => {
      refuse(request);
      return socket.request(request);
    },
    dump: (request) => {
      if (listing) refuse(request);
      return socket.dump(request);
    },
  };
}

const forgotten: readonly [string, ConntrackFlush, readonly number[]][] = [
  ["of a port, also where an answer has made the entry", op, [0, 1, 2, 4]],
  ["of a port of the address that has answered", { ...op, address: "192.0.2.2" }, [4]],
  ["of a port of one address", { ...op, address: "192.0.2.9" }, [2]],
  ["of an IPv6 port", { ...op, family: 6 }, [6, 7]],
  ["of an IPv6 port of one address", { ...op, family: 6, address: "2001:db8::1" }, [6]],
  ["of an address nobody sent to", { ...op, address: "192.0.2.77" }, []],
  ["of a port nobody sent to", { ...op, port: 65535 }, []],
];

for (const [kernel, socketOf] of kernels) {
  Deno.test({
    ...unless(
      works,
      `on ${kernel} exactly the UDP connections to the port are forgotten`,
      "no conntrack, or no ctnetlink",
    ),
    fn: () => {
      for (const [what, flush, gone] of forgotten) {
        using ns = newNetns();
        using nft = nftSocket(ns);
        insert(ns);
        assert.deepEqual(left(ns), entries);
        flushConntrack(socketOf(nft.socket), flush);
        assert.deepEqual(left(ns), entries.filter((_, index) => !gone.includes(index)), what);
      }
    },
  });
}
