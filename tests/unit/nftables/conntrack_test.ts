import assert from "node:assert/strict";
import { type ConntrackFlush, flushConntrack } from "../../../src/effects/kernel/linux/conntrack.ts";
import { NetlinkFailure } from "../../../src/effects/kernel/linux/netlink/error.ts";
import { Attributes, Writer } from "../../../src/effects/kernel/linux/netlink/message.ts";
import type { NetlinkMessage, NetlinkRequest } from "../../../src/effects/kernel/linux/netlink/socket.ts";

const op: ConntrackFlush = { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 };
const CT_DELETE = 0x102;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12, FILTER: 25 };

/** A listed entry; without `id` or without a tuple it is one a kernel should never send. */
function entry(dport: number | null, id: number | null): NetlinkMessage {
  const writer = new Writer().u8(2).u8(0).be16(0);
  if (dport !== null) {
    writer.nested(CTA.TUPLE_ORIG, () => writer.nested(2, () => writer.attributeU8(1, 17).attributeBe16(3, dport)));
  }
  if (id !== null) writer.attributeBe32(CTA.ID, id);
  return { type: 0x100, flags: 2, seq: 1, body: writer.finish() };
}

/** A kernel without filters that lists these entries; notes the deletes it was sent. */
function kernel(listed: readonly NetlinkMessage[], answer: (request: NetlinkRequest) => void = () => {}) {
  const deletes: NetlinkRequest[] = [];
  return {
    deletes,
    request: (request: NetlinkRequest) => {
      deletes.push(request);
      if (new Attributes(request.body.subarray(4)).has(CTA.FILTER)) throw new NetlinkFailure("EINVAL");
      answer(request);
      return [];
    },
    dump: () => listed,
  };
}

Deno.test("no delete is ever sent without a tuple and what goes with it: that would empty the table", () => {
  const socket = kernel([entry(53, 1), entry(53, null), entry(null, 2), entry(null, null), entry(54, 3)]);
  flushConntrack(socket, op);
  assert.equal(socket.deletes.length, 3, "one with each filter, one for the only entry that is named and matches");
  for (const { type, body } of socket.deletes) {
    const attributes = new Attributes(body.subarray(4));
    assert.equal(type, CT_DELETE);
    const tuple = attributes.has(CTA.TUPLE_ORIG) ? CTA.TUPLE_ORIG : CTA.TUPLE_REPLY;
    assert.equal(attributes.nested(tuple).nested(2).be16(3), 53);
    assert.ok(attributes.has(CTA.FILTER) || attributes.be32(CTA.ID) === 1);
  }
});

Deno.test("a port or an address that cannot be one is refused before anything is sent", () => {
  const refused: readonly [Partial<ConntrackFlush>, RegExp][] = [
    [{ port: 0 }, /port 0: it must be 1\.\.65535/],
    [{ port: 65536 }, /port 65536/],
    [{ port: NaN }, /port NaN/],
    [{ address: "fd00::1" }, /"fd00::1": it is no IPv4 address/],
    [{ family: 6, address: "10.0.0.1" }, /"10\.0\.0\.1": it is no IPv6 address/],
    [{ address: "" }, /not an IP address/],
  ];
  for (const [change, message] of refused) {
    const socket = kernel([entry(53, 1)]);
    assert.throws(() => flushConntrack(socket, { ...op, ...change }), message);
    assert.deepEqual(socket.deletes, []);
  }
});

Deno.test("an entry that expires between list and delete is forgotten well enough; other failures are not", () => {
  const answering = (errno: string) =>
    kernel([entry(53, 1), entry(53, 2)], () => {
      throw new NetlinkFailure(errno);
    });
  const expired = answering("ENOENT");
  flushConntrack(expired, op);
  assert.equal(expired.deletes.length, 4);
  assert.throws(() => flushConntrack(answering("EPERM"), op), { errno: "EPERM" });
});

Deno.test("a failure that says nothing about filters is not taken for an older kernel", () => {
  const socket = {
    request: (): never => {
      throw new NetlinkFailure("EPERM");
    },
    dump: (): never => assert.fail("it listed"),
  };
  assert.throws(() => flushConntrack(socket, op), { errno: "EPERM" });
});
