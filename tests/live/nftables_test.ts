import assert from "node:assert/strict";
import type { NetlinkSocket } from "../../src/effects/kernel/linux/netlink/socket.ts";
import { applyNft } from "../../src/effects/kernel/linux/nftables/apply.ts";
import type { NetfilterSocket } from "../../src/effects/kernel/linux/nftables/batch.ts";
import { readElement, readGeneration } from "../../src/effects/kernel/linux/nftables/element.ts";
import { NftFailure } from "../../src/effects/kernel/linux/nftables/failure.ts";
import type { NftCommand, NftElement } from "../../src/effects/kernel/nft.ts";
import { can, unless } from "../support/capabilities.ts";
import { newNetns } from "../support/netns.ts";
import { at, demoTable, hasNfTables, hostPort, nftSocket } from "../support/nft_tables.ts";

/** A test with the demo table in a namespace of its own. */
const live = (name: string, fn: (socket: NetlinkSocket) => void) =>
  Deno.test({
    ...unless(hasNfTables, name, "no nf_tables in a namespace of our own"),
    fn: () => {
      using ns = newNetns();
      using nft = nftSocket(ns);
      applyNft(nft.socket, demoTable);
      fn(nft.socket);
    },
  });

/** The failure of a call that must end with one. */
function failureOf(call: () => unknown): NftFailure {
  try {
    call();
  } catch (error) {
    if (error instanceof NftFailure) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}

const ours = hostPort(8080, "10.1.0.2", 80, "demo/c1/eth0");
const masq: NftElement = {
  ...at,
  set: "masq4",
  key: [{ ip: "10.1.0.2" }],
  value: { verdict: "goto", chain: "net-demo" },
};

live("an element that was added is read back with its value and comment", (socket) => {
  const bound: NftElement = {
    ...at,
    set: "hostports4ip",
    key: [{ ip: "192.0.2.1" }, { protocol: "udp" }, { port: 53 }],
    value: [{ ip: "10.1.0.2" }, { port: 5353 }],
  };
  const six: NftElement = {
    ...at,
    set: "hostports6",
    key: [{ protocol: "sctp" }, { port: 1 }],
    value: [{ ip: "fd00:1::2" }, { port: 65535 }],
  };
  const elements = [ours, bound, six, masq];
  applyNft(socket, elements.map((element) => ({ add: "element", ...element })));
  for (const element of elements) {
    const { value: _, comment: __, ...name } = element;
    assert.deepEqual(readElement(socket, name), element);
  }
});

live("an element, a set or a table that is missing reads as null", (socket) => {
  assert.equal(readElement(socket, ours), null);
  assert.equal(readElement(socket, { ...ours, set: "nosuch" }), null);
  assert.equal(readElement(socket, { ...ours, table: "nosuch" }), null);
  assert.equal(readElement(socket, { ...ours, family: "ip" }), null);
});

live("a key of the wrong length is a failure to read, not an absence", (socket) => {
  const failure = failureOf(() => readElement(socket, { ...ours, key: [{ port: 8080 }] }));
  assert.equal(failure.message, 'Cannot read "element cleat hostports4 { 8080 }": EINVAL');
});

live("adding a taken host port is EEXIST naming it, and the holder can be read", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const theirs = hostPort(8080, "10.1.0.3", 80, "demo/c2/eth0");
  for (const again of [theirs, ours]) {
    const command: NftCommand = { add: "element", ...again };
    const failure = failureOf(() => applyNft(socket, [command]));
    assert.equal(failure.errno, "EEXIST");
    assert.equal(failure.message, 'Cannot add "element cleat hostports4 { tcp . 8080 }": EEXIST');
    assert.equal(failure.command, command);
  }
  assert.deepEqual(readElement(socket, theirs), ours);
});

live(
  "an exclusive table that is there is EEXIST; without exclusive everything but rules can be added again",
  (socket) => {
    const failure = failureOf(() => applyNft(socket, demoTable));
    assert.equal(failure.message, 'Cannot add "table inet cleat": EEXIST');
    const chain: NftCommand = { add: "chain", ...at, chain: "hostports", exclusive: true };
    assert.equal(failureOf(() => applyNft(socket, [chain])).message, 'Cannot add "chain cleat hostports": EEXIST');
    const again = demoTable.filter((command) => "add" in command && command.add !== "rule");
    applyNft(socket, again.map((command) => "exclusive" in command ? { ...command, exclusive: false } : command));
  },
);

live("adding to what is missing is ENOENT naming the element", (socket) => {
  for (const missing of [{ table: "nosuch" }, { set: "nosuch" }]) {
    const failure = failureOf(() => applyNft(socket, [{ add: "element", ...ours, ...missing }]));
    assert.equal(failure.errno, "ENOENT");
    assert.match(failure.subject, /^element .*nosuch.* \{ tcp \. 8080 \}$/);
  }
  const toMissingChain: NftCommand = { add: "element", ...masq, value: { verdict: "goto", chain: "nosuch" } };
  assert.equal(failureOf(() => applyNft(socket, [toMissingChain])).errno, "ENOENT");
});

live("nothing of a batch with one bad command is applied, and the bad one is named", (socket) => {
  applyNft(socket, [{ add: "element", ...hostPort(81, "10.1.0.9", 80) }]);
  const before = readGeneration(socket);
  const ports = [80, 81, 82].map((port): NftCommand => ({ add: "element", ...hostPort(port, "10.1.0.2", 80) }));
  const chain: NftCommand = { add: "chain", ...at, chain: "net-other" };
  const failure = failureOf(() => applyNft(socket, [chain, ...ports, { add: "element", ...masq, set: "nosuch" }]));
  assert.equal(failure.subject, "element cleat hostports4 { tcp . 81 }");
  assert.equal(failure.command, ports[1]);
  assert.equal(readElement(socket, hostPort(80, "10.1.0.2", 80)), null);
  assert.equal(readGeneration(socket), before);
  applyNft(socket, [{ ...chain, exclusive: true }]);
});

live("an element is removed only while it has the given value", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }, { add: "element", ...masq }]);
  const before = readGeneration(socket);
  applyNft(socket, [{ remove: "element", ...hostPort(8080, "10.1.0.3", 80) }]);
  applyNft(socket, [{ remove: "element", ...hostPort(8080, "10.1.0.2", 81) }]);
  applyNft(socket, [{ remove: "element", ...masq, value: { verdict: "goto", chain: "hostports" } }]);
  applyNft(socket, [{ remove: "element", ...masq, value: { verdict: "accept" } }]);
  applyNft(socket, [{ remove: "element", ...masq, value: [{ ip: "10.1.0.2" }] }]);
  assert.deepEqual(readElement(socket, ours), ours);
  assert.deepEqual(readElement(socket, masq), masq);
  assert.equal(readGeneration(socket), before, "with nothing to do nothing is sent");
  applyNft(socket, [{ remove: "element", ...ours, comment: "comments do not count" }, { remove: "element", ...masq }]);
  assert.equal(readElement(socket, ours), null);
  assert.equal(readElement(socket, masq), null);
});

live("without a value an element is removed whatever its value is", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const { value: _, ...anyValue } = ours;
  applyNft(socket, [{ remove: "element", ...anyValue }, { remove: "element", ...anyValue }]);
  assert.equal(readElement(socket, ours), null);
});

live("removing what is absent does nothing, whether element, set or table is missing", (socket) => {
  const before = readGeneration(socket);
  const remove: NftCommand = { remove: "element", ...ours };
  applyNft(socket, [remove, { ...remove, set: "nosuch" }, { ...remove, table: "nosuch" }, {
    ...remove,
    family: "ip6",
  }]);
  applyNft(socket, []);
  assert.equal(readGeneration(socket), before);
});

live("a batch of removals and additions moves a port at once", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const moved = hostPort(8080, "10.1.0.3", 80, "demo/c2/eth0");
  applyNft(socket, [
    { remove: "element", ...hostPort(9090, "10.1.0.2", 80) },
    { remove: "element", ...ours },
    { add: "element", ...moved },
  ]);
  assert.deepEqual(readElement(socket, ours), moved);
});

/** A socket before whose batches somebody else changes the ruleset, `times` times. */
function disturbed(socket: NetlinkSocket, times: number, change: (time: number) => void): NetfilterSocket {
  const BATCH_BEGIN = 0x10;
  let time = 0;
  return {
    request: (request) => socket.request(request),
    dump: (request) => socket.dump(request),
    batch: (requests) => {
      if (requests[0]?.type === BATCH_BEGIN && time < times) change(time++);
      return socket.batch(requests);
    },
  };
}

live("a removal looks again when something else changed between its look and its batch", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const others = disturbed(
    socket,
    3,
    (time) => applyNft(socket, [{ add: "element", ...hostPort(time + 1, "10.1.0.9", 80) }]),
  );
  applyNft(others, [{ remove: "element", ...ours }]);
  assert.equal(readElement(socket, ours), null);
  for (const port of [1, 2, 3]) assert.notEqual(readElement(socket, hostPort(port, "10.1.0.9", 80)), null);
});

live("an element that changes hands between look and batch stays with its new owner", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const theirs = hostPort(8080, "10.1.0.3", 80, "demo/c2/eth0");
  const handOver = disturbed(
    socket,
    1,
    () => applyNft(socket, [{ remove: "element", ...ours }, { add: "element", ...theirs }]),
  );
  applyNft(handOver, [{ remove: "element", ...ours }]);
  assert.deepEqual(readElement(socket, ours), theirs);
});

live("an element that vanishes between look and batch is a removal well done", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  const racing = disturbed(socket, 1, () => applyNft(socket, [{ remove: "element", ...ours }]));
  applyNft(racing, [{ remove: "element", ...ours }]);
  assert.equal(readElement(socket, ours), null);
});

live("a ruleset that never stands still ends in ERESTART with nothing removed", (socket) => {
  applyNft(socket, [{ add: "element", ...ours }]);
  let changes = 0;
  const restless = disturbed(socket, Infinity, (time) => {
    changes++;
    applyNft(socket, [{ add: "element", ...hostPort(time + 1, "10.1.0.9", 80) }]);
  });
  const failure = failureOf(() => applyNft(restless, [{ remove: "element", ...ours }]));
  assert.equal(failure.errno, "ERESTART");
  assert.match(
    failure.message,
    /^Cannot apply "nftables batch of 1, element cleat hostports4 \{ tcp \. 8080 \} first": ERESTART/,
  );
  assert.equal(changes, 20);
  assert.deepEqual(readElement(socket, ours), ours);
});

live("a thousand elements go in and out at once, and a conflict among them is named exactly", (socket) => {
  const many = Array.from(
    { length: 1000 },
    (_, index) => hostPort(index + 1, "10.1.0.2", 80, "demo/c1/eth0".repeat(5)),
  );
  const taken = many[789];
  assert.ok(taken);
  applyNft(socket, [{ add: "element", ...taken }]);
  const add = many.map((element): NftCommand => ({ add: "element", ...element }));
  const failure = failureOf(() => applyNft(socket, add));
  assert.equal(failure.subject, "element cleat hostports4 { tcp . 790 }");
  assert.equal(failure.command, add[789]);
  applyNft(socket, [{ remove: "element", ...taken }]);
  applyNft(socket, add);
  assert.deepEqual(readElement(socket, taken), taken);
  const kept = many[0];
  assert.ok(kept);
  applyNft(socket, many.slice(1).map((element) => ({ remove: "element", ...element })));
  assert.deepEqual(many.map((element) => readElement(socket, element)).filter((element) => element !== null), [kept]);
});

live("three thousand additions to a missing table end in one ENOENT", (socket) => {
  const add = Array.from(
    { length: 3000 },
    (_, index): NftCommand => ({ add: "element", ...hostPort(index + 1, "10.1.0.2", 80), table: "nosuch" }),
  );
  const failure = failureOf(() => applyNft(socket, add));
  assert.equal(failure.errno, "ENOENT");
  assert.equal(failure.subject, "element nosuch hostports4 { tcp . 1 }");
});

live("a comment too long for the kernel is kept as far as it fits", (socket) => {
  applyNft(socket, [{ add: "element", ...ours, comment: "ö".repeat(200) }]);
  assert.equal(readElement(socket, ours)?.comment, "ö".repeat(95));
});

Deno.test({
  ...unless(hasNfTables && can.nft, "nft lists the table as it was meant", "no nft program, or no nf_tables"),
  fn: () => {
    using ns = newNetns();
    using nft = nftSocket(ns);
    applyNft(nft.socket, [...demoTable, { add: "element", ...ours }, { add: "element", ...masq }]);
    const listing = ns.must("nft list ruleset").replace(/\s+/g, " ");
    for (
      const part of [
        'table inet cleat { comment "host ports"',
        "map hostports4 { type inet_proto . inet_service : ipv4_addr . inet_service",
        'elements = { tcp . 8080 comment "demo/c1/eth0" : 10.1.0.2 . 80 }',
        'map hostports4ip { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service comment "bound to an address"',
        "map hostports6 { type inet_proto . inet_service : ipv6_addr . inet_service",
        "map masq4 { type ipv4_addr : verdict elements = { 10.1.0.2 : goto net-demo }",
        "type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump hostports",
        "type nat hook output priority -100; policy accept; fib daddr type local jump hostports",
        'chain hostports { comment "one lookup per family"',
        'dnat ip to ip daddr . meta l4proto . th dport map @hostports4ip comment "bound to an address"',
        "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @hostports4",
        "meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @hostports6",
        'ct status dnat ip saddr 127.0.0.0/8 counter packets 0 bytes 0 masquerade comment "loopback to a host port"',
        "ip saddr vmap @masq4",
        "chain net-demo { ip daddr 10.1.0.0/24 return masquerade }",
      ]
    ) assert.ok(listing.includes(part), `${part}\nis not in\n${listing}`);
  },
});
