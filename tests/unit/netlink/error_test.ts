import assert from "node:assert/strict";
import { HostError } from "../../../src/effects/kernel/host.ts";
import { describeOp, hostError } from "../../../src/effects/kernel/linux/describe.ts";
import { errnoName, SystemError } from "../../../src/effects/libc/errno.ts";
import { NetlinkFailure, readFailure } from "../../../src/effects/kernel/linux/netlink/error.ts";
import { Writer } from "../../../src/effects/kernel/linux/netlink/message.ts";
import { messagesOf } from "../../../src/effects/kernel/linux/netlink/socket.ts";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";

const CAPPED = 0x100, TLVS = 0x200;

/** NLMSG_ERROR for a request of `requestLength` bytes, which is repeated unless capped. */
const errorBody = (errno: number, requestLength: number, capped: boolean): Writer => {
  const writer = new Writer().u32(-errno).u32(requestLength).u16(16).u16(5).u32(1).u32(0);
  return capped ? writer : writer.bytes(new Uint8Array(requestLength - 16)).align();
};

Deno.test("0 is an acknowledgement", () => {
  assert.equal(readFailure(CAPPED, errorBody(0, 40, true).finish()), null);
});

Deno.test("errno is named, the kernel's words and the offset are kept, capped or not", () => {
  for (const capped of [true, false]) {
    const body = errorBody(22, 41, capped).attributeString(1, "mtu greater than device maximum").attributeU32(2, 36);
    const failure = readFailure(TLVS | (capped ? CAPPED : 0), body.finish());
    assert.deepEqual([failure?.errno, failure?.extack, failure?.offset], [
      "EINVAL",
      "mtu greater than device maximum",
      36,
    ]);
  }
});

Deno.test("without attributes there are no words", () => {
  const failure = readFailure(CAPPED, errorBody(17, 40, true).finish());
  assert.deepEqual([failure?.errno, failure?.extack, failure?.offset], ["EEXIST", undefined, undefined]);
});

Deno.test("an answer that is too short is an error, not an acknowledgement", () => {
  assert.equal(readFailure(0, new Uint8Array(3))?.errno, "EBADMSG");
});

Deno.test("a number without a name is shown as it is", () => {
  assert.equal(errnoName(4095), "errno 4095");
  assert.equal(errnoName(99), "EADDRNOTAVAIL");
});

Deno.test("messages of a datagram are read in order, up to the first that does not fit", () => {
  const one = new Writer().u32(20).u16(16).u16(2).u32(7).u32(0).u32(0xaabb).finish();
  const two = new Writer().u32(17).u16(3).u16(0).u32(8).u32(0).u8(1).align().finish();
  const datagram = Uint8Array.of(...one, ...two, ...[100, 0, 0, 0, 1, 1]);
  const seen = [...messagesOf(datagram)].map(({ type, flags, seq, body }) => [type, flags, seq, body.length]);
  assert.deepEqual(seen, [[16, 2, 7, 4], [3, 0, 8, 1]]);
  assert.deepEqual([...messagesOf(new Uint8Array(64))], []);
});

Deno.test("failures become HostErrors that say what was done to what", () => {
  const op: KernelOp = { op: "route.add", on: "container", link: "eth0", dst: "10.0.0.0/8", gw: "192.0.2.1" };
  const error = hostError(describeOp(op), new NetlinkFailure("ENETUNREACH", "Nexthop has invalid gateway"));
  assert.equal(
    error.message,
    'Cannot add route in the container "10.0.0.0/8 over eth0": ENETUNREACH: Nexthop has invalid gateway',
  );
  assert.equal(hostError(describeOp(op), new SystemError("EPERM", "setns")).errno, "EPERM");
  const own = new HostError({ doing: "create link on the host", subject: "x", errno: "EEXIST" });
  assert.equal(hostError(describeOp(op), own), own);
});

Deno.test("what is no failure of the kernel is thrown on", () => {
  assert.throws(() => hostError({ doing: "x", subject: "y" }, new TypeError("a defect")), TypeError);
});
