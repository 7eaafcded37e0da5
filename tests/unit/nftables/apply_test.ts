import assert from "node:assert/strict";
import { NetlinkFailure } from "../../../src/effects/kernel/linux/netlink/error.ts";
import { Attributes, Writer } from "../../../src/effects/kernel/linux/netlink/message.ts";
import type { BatchAnswer, NetlinkMessage, NetlinkRequest } from "../../../src/effects/kernel/linux/netlink/socket.ts";
import { applyNft } from "../../../src/effects/kernel/linux/nftables/apply.ts";
import { NftFailure } from "../../../src/effects/kernel/linux/nftables/failure.ts";
import type { NftCommand, NftElement } from "../../../src/effects/kernel/nft.ts";

const at = { family: "inet", table: "cleat" } as const;
const element = (port: number, set = "local"): NftElement => ({ ...at, set, key: [{ port }] });
const add = (port: number, set?: string): NftCommand => ({ add: "element", ...element(port, set) });
const remove = (port: number, set?: string): NftCommand => ({ remove: "element", ...element(port, set) });

/** Message types as the kernel numbers them, and flags. */
const BEGIN = 0x10, END = 0x11, NEWTABLE = 0xa00, NEWELEM = 0xa0c, GETELEM = 0xa0d, DELELEM = 0xa0e, NEWGEN = 0xa0f;
const ACK = 4, EXCL = 0x200, CREATE = 0x400;

const done: BatchAnswer = { messages: [], failures: [] };

/** A kernel that has generation 7 and every element, and answers batches with `answer`; notes each batch it was sent. */
function kernel(answer: (requests: readonly NetlinkRequest[]) => BatchAnswer = () => done) {
  const batches: (readonly NetlinkRequest[])[] = [];
  const found: NetlinkMessage = { type: NEWELEM, flags: 0, seq: 0, body: new Uint8Array(4) };
  return {
    batches,
    request: () => {
      const body = new Writer().u8(0).u8(0).be16(0).attributeBe32(1, 7).finish();
      return [{ type: NEWGEN, flags: 0, seq: 0, body }];
    },
    dump: () => assert.fail("nothing is dumped"),
    batch: (requests: readonly NetlinkRequest[]) => {
      if (requests[0]?.type === GETELEM) return { messages: requests.map(() => found), failures: [] };
      batches.push(requests);
      return answer(requests);
    },
  };
}

const typesOf = (requests: readonly NetlinkRequest[] | undefined) => requests?.map(({ type }) => type);
const refused = (index: number, errno: string, offset?: number): BatchAnswer => ({
  messages: [],
  failures: [{ index, failure: new NetlinkFailure(errno, undefined, offset) }],
});

Deno.test("a batch is one send between begin and end, and only its last command asks for an acknowledgement", () => {
  const socket = kernel();
  applyNft(socket, [{ add: "table", ...at, exclusive: true }, { add: "table", ...at, family: "ip6" }, add(1)]);
  assert.equal(socket.batches.length, 1);
  const [requests = []] = socket.batches;
  assert.deepEqual(typesOf(requests), [BEGIN, NEWTABLE, NEWTABLE, NEWELEM, END]);
  assert.deepEqual(requests.map(({ flags = 0 }) => flags), [0, CREATE | EXCL, CREATE, CREATE | EXCL | ACK, 0]);
  assert.deepEqual(requests.map(({ body }) => [...body.subarray(0, 4)]), [
    [0, 0, 0, 10],
    [1, 0, 0, 0],
    [10, 0, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 10],
  ]);
});

Deno.test("neighbouring elements of one set share a request; another set, verb or a full list starts the next", () => {
  const socket = kernel();
  applyNft(socket, [add(1), add(2), add(3, "other"), add(4), remove(5), remove(6), add(7)]);
  assert.deepEqual(typesOf(socket.batches[0]), [BEGIN, NEWELEM, NEWELEM, NEWELEM, DELELEM, NEWELEM, END]);
  applyNft(socket, Array.from({ length: 5000 }, (_, port) => add(port)));
  const lists = socket.batches[1]?.slice(1, -1) ?? [];
  assert.ok(lists.length > 1 && lists.length < 10, `${lists.length} lists`);
  assert.ok(lists.every(({ type, body }) => type === NEWELEM && body.length < 65_535));
});

Deno.test("a batch with removals names the generation that was looked at, one without names none", () => {
  const socket = kernel();
  applyNft(socket, [remove(1), add(2)]);
  applyNft(socket, [add(2)]);
  const generations = socket.batches.map(([begin]) => begin && new Attributes(begin.body.subarray(4)).be32(1));
  assert.deepEqual(generations, [7, null]);
});

Deno.test("the same element is removed once, however its key is written", () => {
  const socket = kernel();
  const six = (ip: string): NftCommand => ({ remove: "element", ...at, set: "six", key: [{ ip }] });
  applyNft(socket, [six("fd00::1"), six("FD00:0:0::1")]);
  const [, removal] = socket.batches[0] ?? [];
  const single = kernel();
  applyNft(single, [six("fd00::1")]);
  assert.deepEqual(removal, single.batches[0]?.[1]);
});

Deno.test("the first refused command is the one reported, with its errno and the kernel's words", () => {
  const commands = [{ add: "table", ...at }, add(1), add(2, "other")] as const;
  const both: BatchAnswer = {
    messages: [],
    failures: [
      { index: 0, failure: new NetlinkFailure("EINVAL") },
      { index: 1, failure: new NetlinkFailure("EEXIST", "there is one") },
      { index: 2, failure: new NetlinkFailure("ENOENT") },
    ],
  };
  assert.throws(() => applyNft(kernel(() => both), commands), (error) => {
    assert.ok(error instanceof NftFailure);
    assert.equal(error.message, 'Cannot add "table inet cleat": EEXIST: there is one');
    assert.equal(error.command, commands[0]);
    return true;
  });
});

Deno.test("the offset of a failure tells which of the elements of a request it is about", () => {
  const commands = [add(1), add(2), add(3)];
  const header = 16 + 4 + 12 + 12 + 4; // nlmsghdr, nfgenmsg, table, set, list
  const size = 16; // one element: list member, key, value, two bytes and their padding
  for (const [index, command] of commands.entries()) {
    for (const offset of [header + index * size, header + index * size + size - 1]) {
      const failure = () => applyNft(kernel(() => refused(1, "EEXIST", offset)), commands);
      assert.throws(failure, { subject: `element cleat local { ${index + 1} }`, command });
    }
  }
  assert.throws(() => applyNft(kernel(() => refused(1, "ENOENT", 28)), commands), { command: commands[0] });
  assert.throws(() => applyNft(kernel(() => refused(1, "ENOENT")), commands), { command: commands[0] });
});

Deno.test("a refused begin is a failure of the whole batch", () => {
  const failure = () => applyNft(kernel(() => refused(0, "EPERM")), [add(1), add(2)]);
  assert.throws(failure, {
    message: 'Cannot apply "nftables batch of 2, element cleat local { 1 } first": EPERM',
    command: undefined,
  });
});

Deno.test("a changed generation is tried again, any other failure of a removal is not", () => {
  let tries = 0;
  const settling = kernel(() => ++tries < 5 ? refused(0, "ERESTART") : done);
  applyNft(settling, [remove(1)]);
  assert.equal(tries, 5);
  const failing = kernel(() => refused(1, "EBUSY"));
  assert.throws(() => applyNft(failing, [remove(1)]), { message: 'Cannot remove "element cleat local { 1 }": EBUSY' });
  assert.equal(failing.batches.length, 1);
});
