import assert from "node:assert/strict";
import { SystemError } from "../../src/effects/libc/errno.ts";
import { NetlinkFailure } from "../../src/effects/kernel/linux/netlink/error.ts";
import { Writer } from "../../src/effects/kernel/linux/netlink/message.ts";
import { NETLINK_ROUTE, NetlinkSocket, NLM_F_ACK } from "../../src/effects/kernel/linux/netlink/socket.ts";
import { RTM } from "../../src/effects/kernel/linux/rtnetlink/constants.ts";
import { allLinks, ifinfomsg, linkByName } from "../../src/effects/kernel/linux/rtnetlink/link_look.ts";
import { can, unless } from "../support/capabilities.ts";
import { type Netns, newNetns } from "../support/netns.ts";

const ignore = !(can.veth && can.ip);

const openIn = (ns: Netns) => {
  const socket = ns.run(() => NetlinkSocket.open(NETLINK_ROUTE));
  return { socket, [Symbol.dispose]: () => socket.close() };
};

/** Changes nothing: the link's group becomes 0, which it is. */
const harmless = (index: number, flags = 0) => ({
  type: RTM.NEWLINK,
  flags,
  body: ifinfomsg(new Writer(), index).attributeU32(27, 0).finish(),
});

const bad = { type: RTM.DELLINK, body: ifinfomsg(new Writer(), 9999).finish() };

Deno.test({ name: "a socket stays in the namespace it was opened in", ignore }, () => {
  using one = newNetns();
  using two = newNetns();
  using opened = openIn(one);
  one.must("ip link add only0 type veth peer name only1");
  assert.equal(linkByName(opened.socket, "only0")?.name, "only0");
  assert.equal(two.run(() => linkByName(opened.socket, "only0"))?.name, "only0");
});

Deno.test({ name: "each request of a batch stands alone, and failures tell their place", ignore }, () => {
  using ns = newNetns();
  using opened = openIn(ns);
  const { failures } = opened.socket.batch([harmless(1), bad, harmless(1), bad, harmless(1, NLM_F_ACK)]);
  assert.deepEqual(failures.map(({ index, failure }) => [index, failure.errno]), [[1, "ENODEV"], [3, "ENODEV"]]);
  assert.deepEqual(opened.socket.batch([harmless(1, NLM_F_ACK)]).failures, []);
});

/** What root of a user namespace may not do. */
const large = unless(
  can.exceedLimits,
  "a batch larger than the send buffer goes through in one send",
  "user namespace",
);

Deno.test({ ...large, ignore: large.ignore || ignore }, () => {
  using ns = newNetns();
  using opened = openIn(ns);
  const requests = Array.from({ length: 7000 }, () => harmless(1));
  const { failures } = opened.socket.batch([...requests, bad, harmless(1, NLM_F_ACK)]);
  assert.deepEqual(failures.map(({ index }) => index), [7000]);
});

Deno.test({ name: "a dump in many parts is whole, and what was refused before leaves nothing behind", ignore }, () => {
  using ns = newNetns();
  using opened = openIn(ns);
  const lines = Array.from({ length: 60 }, (_, i) => `link add v${i} type veth peer name p${i}`);
  ns.must(`ip -batch - <<END\n${lines.join("\n")}\nEND`);
  assert.throws(
    () => opened.socket.request(bad),
    (error) => error instanceof NetlinkFailure && error.errno === "ENODEV",
  );
  const junk = { type: RTM.GETLINK, body: ifinfomsg(new Writer(), 0, 5, 5).finish() };
  assert.throws(() => opened.socket.dump(junk), (error) => error instanceof NetlinkFailure && error.errno === "EINVAL");
  const names = allLinks(opened.socket).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (let i = 0; i < 60; i++) assert.ok(names.includes(`v${i}`) && names.includes(`p${i}`));
});

Deno.test({ name: "events are received after subscribing", ignore }, () => {
  using ns = newNetns();
  using opened = openIn(ns);
  opened.socket.subscribe(1);
  assert.equal(opened.socket.receive(), null);
  ns.must("ip link set lo up");
  assert.notEqual(opened.socket.receive(), null);
});

Deno.test("an errno of a system call is kept by name", () => {
  assert.throws(
    () => NetlinkSocket.open(255),
    (error) => error instanceof SystemError && error.errno === "EPROTONOSUPPORT",
  );
});
