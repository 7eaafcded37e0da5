/** Every undo that is decided belongs to its op, as it stands in the log; hardly any other does. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { belongs } from "../../src/effects/kernel/belongs.ts";
import type { Op } from "../../src/effects/kernel/op.ts";
import { createdLinks, undoFor } from "../../src/effects/kernel/undo.ts";
import { NETNS, newMachine, outcome } from "../support/machine.ts";
import { isKernelOp } from "../support/recipe.ts";
import { forSeeds } from "./spec_random.ts";
import { BEFORE, script } from "./undo_scripts.ts";

const KEY = { network: "net", containerId: "c1", ifName: "eth0" };
const OWNER = { containerId: "c1", ifName: "eth0" };
const RANGES = [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }];

/** What a log holds of a value. */
const logged = (op: Op): Op => JSON.parse(JSON.stringify(op));

/** Ops with the undos that were decided for them. */
function pairsOf(ops: readonly Op[]): readonly (readonly [Op, Op])[] {
  const machine = newMachine();
  machine.kernel.drift(NETNS, ...BEFORE);
  const done: Op[] = [];
  return ops.flatMap((op) => {
    const undo = Effect.runSync(undoFor(op, { view: machine.host, created: createdLinks(done) }));
    done.push(op);
    if (isKernelOp(op)) outcome(machine.host.apply(op));
    return undo === null ? [] : [[logged(op), logged(undo)] as const];
  });
}

const OTHERS: readonly Op[] = [
  { op: "lease.reserve", pool: "/pool", owner: OWNER, set: 0, ranges: RANGES },
  { op: "plugin.invoke", plugin: "dhcp", command: "ADD", config: { name: "net", type: "dhcp", ipam: { a: [1] } } },
  { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 },
];

Deno.test("every undo that is decided belongs to its op, also after it was written and read", () => {
  const kinds = new Set<string>();
  forSeeds(150, (random) => {
    for (const [op, undo] of pairsOf([...script(random), ...OTHERS])) {
      kinds.add(op.op);
      assert.ok(belongs(KEY, op, undo), `${JSON.stringify(op)} ${JSON.stringify(undo)}`);
    }
  });
  for (const kind of ["link.create", "link.set", "address.add", "route.add", "sysctl.write", "nft.apply"]) {
    assert.ok(kinds.has(kind), `no ${kind} was tried`);
  }
});

Deno.test("an undo of one op belongs to another one only where it undoes that, too", () => {
  let tried = 0;
  forSeeds(60, (random) => {
    const pairs = pairsOf([...script(random), ...OTHERS]);
    for (const [op, undo] of pairs) {
      for (const [another, itsUndo] of pairs) {
        if (another.op === op.op) continue;
        tried++;
        assert.ok(!belongs(KEY, op, itsUndo), `${op.op} ${JSON.stringify(itsUndo)}`);
        assert.ok(!belongs(KEY, another, undo), `${another.op} ${JSON.stringify(undo)}`);
      }
    }
  });
  assert.ok(tried > 1_000, `${tried}`);
});

const VETH: Op = {
  op: "link.create",
  on: "host",
  name: "veth1",
  link: { kind: "veth", peer: { on: "container", name: "eth0" } },
};
const ELEMENT = {
  family: "inet",
  table: "cleat",
  set: "hostports4",
  key: [{ protocol: "tcp" }, { port: 80 }],
  value: [{ ip: "10.1.0.2" }, { port: 80 }],
} as const;

const FORGED: readonly (readonly [string, Op, Op])[] = [
  ["another link", VETH, { op: "link.delete", on: "host", name: "eth0" }],
  ["the peer's side", VETH, { op: "link.delete", on: "container", name: "veth1" }],
  ["a bridge of everybody", { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" } }, {
    op: "link.delete",
    on: "host",
    name: "cni0",
  }],
  ["a value of the host", { op: "sysctl.write", on: "host", key: "net/ipv4/ip_forward", value: "1" }, {
    op: "sysctl.write",
    on: "host",
    key: "net/ipv4/ip_forward",
    value: "0",
  }],
  ["another key", { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "1" }, {
    op: "sysctl.write",
    on: "container",
    key: "net/ipv4/ip_forward",
    value: "0",
  }],
  ["a link of the host", { op: "link.set", on: "host", name: "eth0", set: { up: true } }, {
    op: "link.set",
    on: "host",
    name: "eth0",
    set: { up: false },
  }],
  ["another setting", { op: "link.set", on: "container", name: "eth0", set: { mtu: 1400 } }, {
    op: "link.set",
    on: "container",
    name: "eth0",
    set: { up: false },
  }],
  ["an address of the host", { op: "address.add", on: "host", link: "eth0", address: "192.0.2.1/24" }, {
    op: "address.remove",
    on: "host",
    link: "eth0",
    address: "192.0.2.1/24",
  }],
  ["another's lease", { op: "lease.reserve", pool: "/pool", owner: OWNER, set: 0, ranges: RANGES }, {
    op: "lease.release",
    pool: "/pool",
    owner: { containerId: "c2", ifName: "eth0" },
    ranges: RANGES,
  }],
  [
    "another's lease, in both",
    {
      op: "lease.reserve",
      pool: "/pool",
      owner: { containerId: "c2", ifName: "eth0" },
      set: 0,
      ranges: RANGES,
    },
    { op: "lease.release", pool: "/pool", owner: { containerId: "c2", ifName: "eth0" }, ranges: RANGES },
  ],
  ["all leases", { op: "lease.reserve", pool: "/pool", owner: OWNER, set: 0, ranges: RANGES }, {
    op: "lease.release",
    pool: "/pool",
    owner: OWNER,
  }],
  ["another plugin", { op: "plugin.invoke", plugin: "dhcp", command: "ADD", config: {} }, {
    op: "plugin.invoke",
    plugin: "evil",
    command: "DEL",
    config: {},
  }],
  ["another config", { op: "plugin.invoke", plugin: "dhcp", command: "ADD", config: {} }, {
    op: "plugin.invoke",
    plugin: "dhcp",
    command: "DEL",
    config: { daemon: "/evil" },
  }],
  ["an ADD", { op: "plugin.invoke", plugin: "dhcp", command: "ADD", config: {} }, {
    op: "plugin.invoke",
    plugin: "dhcp",
    command: "ADD",
    config: {},
  }],
  ["another element", { op: "nft.apply", on: "host", commands: [{ add: "element", ...ELEMENT }] }, {
    op: "nft.apply",
    on: "host",
    commands: [{ remove: "element", ...ELEMENT, key: [{ protocol: "tcp" }, { port: 443 }] }],
  }],
  ["another's element", {
    op: "nft.apply",
    on: "host",
    commands: [{ add: "element", ...ELEMENT, comment: "net/c2/eth0" }],
  }, { op: "nft.apply", on: "host", commands: [{ remove: "element", ...ELEMENT }] }],
  ["a chain of everybody", { op: "nft.apply", on: "host", commands: [{ add: "element", ...ELEMENT }] }, {
    op: "nft.apply",
    on: "host",
    commands: [{ remove: "chain", family: "inet", table: "cleat", chain: "masq" }],
  }],
  ["a removal's inverse", { op: "link.delete", on: "host", name: "veth1" }, {
    op: "link.delete",
    on: "host",
    name: "eth0",
  }],
];

for (const [what, op, undo] of FORGED) {
  Deno.test(`what would undo ${what} belongs to no op of this attachment`, () => {
    assert.equal(belongs(KEY, logged(op), logged(undo)), false);
  });
}

Deno.test("an op that lacks a part has no undo, and is no crash", () => {
  for (const op of ["nft.apply", "link.create", "link.set", "lease.reserve", "vlan.add"]) {
    const half: Op = JSON.parse(JSON.stringify({ op, on: "container" }));
    assert.equal(belongs(KEY, half, half), false, op);
  }
});
