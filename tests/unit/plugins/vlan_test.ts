/** The vlan plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { vlan } from "../../../src/plugins/vlan.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { INSIDE, MASTER, pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const IPAM = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0/0" }] } as const;
const NET = { cniVersion: "1.1.0", name: "net1", type: "vlan", master: "ens5", vlanId: 1234, ipam: IPAM } as const;

/** The master, with a link in the container that can be one too. */
const machineOf = (...more: KernelOp[]) => pluginMachine(vlan, [...MASTER, ...INSIDE, ...more]);

/** Both places that a master can be in, with what the configuration says of it and what a dump calls it. */
const PLACES = [
  ["on the host", { master: "ens5", linkInContainer: false }, "/proc/self/ns/net ens5", 1450],
  ["in the container", { master: "net0", linkInContainer: true }, "net0", 1500],
] as const;

for (const [where, place, parent, mtu] of PLACES) {
  for (const version of VERSIONS) {
    Deno.test(`[VL3] ${version}, master ${where}: ADD, CHECK and DEL twice with id 1234 and host-local`, async () => {
      const { run, container, state } = machineOf();
      const before = state();
      const config = { ...NET, ...place, cniVersion: version };
      const made = result(await run("ADD", config));
      const link = container().links.eth0;
      assert.deepEqual(made.interfaces, [{ name: "eth0", mac: link?.mac, sandbox: "/ns/c1" }]);
      assert.deepEqual(made.ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }]);
      assert.deepEqual([link?.kind, link?.mtu, link?.up], ["vlan", mtu, true]);
      assert.deepEqual(link?.over, { id: 1234, parent });
      if (version >= "0.4.0") done(await run("CHECK", withPrev(config, made)));
      for (const _ of [1, 2]) done(await run("DEL", config));
      assert.deepEqual(state(), before);
    });
  }

  Deno.test(`[VL1] master ${where}: id and MTU reach the kernel in one request, under the final name`, async () => {
    for (const id of [0, 1, 33, 4094]) {
      const { run, ops } = machineOf();
      result(await run("ADD", { ...NET, ...place, vlanId: id, mtu: 1400 }));
      const on = place.linkInContainer ? "container" : "host";
      assert.deepEqual(ops[0], {
        op: "link.create",
        on: "container",
        name: "eth0",
        link: { kind: "vlan", parent: { on, name: place.master }, id },
        mtu: 1400,
      });
    }
  });

  Deno.test(`[VL2] master ${where}: without "mtu" it is the master's`, async () => {
    const on = place.linkInContainer ? "container" : "host";
    const { run, container } = machineOf({ op: "link.set", on, name: place.master, set: { mtu: 1200 } });
    result(await run("ADD", { ...NET, ...place, ipam: { ...IPAM, subnet: "10.1.0.0/24" } }));
    assert.equal(container().links.eth0?.mtu, 1200);
  });

  Deno.test(`[VL4, VL5] master ${where}: an MTU above the master's, and a negative one, are refused with both numbers`, async () => {
    const { run, state, ops } = machineOf();
    const before = state();
    assert.equal(
      failure(await run("ADD", { ...NET, ...place, mtu: 1600 })).msg,
      `Cannot use "mtu": 1600 is more than the ${mtu} of its master "${place.master}"`,
    );
    assert.equal(
      failure(await run("ADD", { ...NET, ...place, mtu: -100 })).msg,
      `Cannot use "mtu": -100 is not 68 or more, nor 0 for the master's MTU`,
    );
    assert.deepEqual([state(), ops], [before, []]);
  });
}

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["a missing master", { master: "ens9" }, /"master" "ens9": there is no such link on the host/],
  ["a master that is not in the container", { linkInContainer: true }, /no such link in the container/],
  ["an empty master", { master: "" }, /"master": it is empty/],
  ["an id above 4094", { vlanId: 4095 }, /vlanId.* 0 to 4094/],
  ["a negative id", { vlanId: -1 }, /vlanId.* 0 to 4094/],
  ["no id", { vlanId: null }, /"vlanId" is missing; give it a number from 0 to 4094/],
  ["IPAM without a type", { ipam: { type: "" } }, /"ipam.type": it is empty/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD of a vlan is refused and leaves nothing`, async () => {
    const { run, state } = machineOf();
    const before = state();
    assert.match(failure(await run("ADD", { ...NET, ...wrong })).msg, says);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("an id that another container has is refused, naming it and the master, until that one's DEL", async () => {
  const { run, machine, container } = machineOf();
  machine.kernel.addNetns("/ns/c2");
  const other = { key: { network: "net1", containerId: "c2", ifName: "eth0" }, netns: "/ns/c2" };
  result(await run("ADD", NET, other));
  const { code, msg } = failure(await run("ADD", NET));
  assert.equal(code, 102);
  assert.match(msg, /"eth0" in the container: VLAN 1234 of "ens5" has a link already/);
  assert.equal(container().links.eth0, undefined);
  done(await run("DEL", NET, other));
  result(await run("ADD", NET));
});

Deno.test("the neighbours are told of the addresses when a vlan goes up", async () => {
  const { run, ops } = machineOf();
  result(await run("ADD", { ...NET, ipam: { type: "host-local", ranges: [[{ subnet: "fd01::/64" }]] } }));
  const written = ops.flatMap((op) => op.op === "sysctl.write" ? [`${op.key}=${op.value}`] : []);
  assert.ok(written.includes("net/ipv4/conf/eth0/arp_notify=1"), written.join());
  assert.ok(written.includes("net/ipv6/conf/eth0/ndisc_notify=1"), written.join());
});

Deno.test("a kernel without VLANs is named as the reason, with the module to load, and no address is kept", async () => {
  const { run, state } = pluginMachine(vlan, MASTER, { missing: ["vlan"] });
  const before = state();
  const { msg, details } = failure(await run("ADD", NET));
  assert.match(`${msg}; ${details}`, /no links of kind "vlan" \(EOPNOTSUPP\); load its module: modprobe 8021q/);
  assert.deepEqual(state(), before);
});

Deno.test("CHECK of a vlan finds another link under the same name: another id, MTU, master, kind", async () => {
  const make = (id: number, name: string, mtu = 1400): KernelOp => ({
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "vlan", id, parent: { on: "host", name } },
    mtu,
  });
  for (
    const [other, says] of [
      [make(1235, "ens5"), /VLAN id 1234, found 1235/],
      [make(1234, "ens5", 1300), /MTU 1400, found 1300/],
      [make(1234, "wire"), /"ens5" on the host as its parent, found another/],
      [{ op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } }, /kind vlan, found dummy/],
    ] as const
  ) {
    const { run, drift } = machineOf();
    const config = { ...NET, mtu: 1400 };
    const made = result(await run("ADD", config));
    drift({ op: "link.delete", on: "container", name: "eth0" }, other);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(config, made)));
    assert.match(`${msg}; ${details}`, says);
  }
});

/** An attachment as another implementation makes it: nothing of it is in the log. */
const foreign = (id: number, name: string): readonly KernelOp[] => [
  {
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "vlan", id, parent: { on: "host", name } },
    mtu: 1400,
  },
  { op: "link.set", on: "container", name: "eth0", set: { up: true } },
];

Deno.test("what another implementation made is checked by kind, id, MTU and master, and what differs is named", async () => {
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/ns/c1" }], ips: [] };
  const config = { ...NET, mtu: 1400, ipam: { type: "static" }, prevResult };
  for (
    const [change, says] of [
      [{}, null],
      [{ mtu: 0 }, null],
      [{ mtu: 1300 }, /expected MTU 1300, found 1400/],
      [{ vlanId: 1235 }, /expected VLAN id 1235, found 1234/],
      [{ master: "wire" }, /expected "wire" as its master, found another/],
    ] as const
  ) {
    const { run } = machineOf(...foreign(1234, "ens5"));
    const outcome = await run("CHECK", { ...config, ...change });
    if (says === null) done(outcome);
    else assert.match(failure(outcome).msg, says);
  }
});

Deno.test("what another implementation made is deleted, and what it did not make is not", async () => {
  for (
    const [made, config, isDeleted] of [
      [foreign(1234, "ens5"), NET, true],
      [foreign(0, "ens5"), { ...NET, vlanId: null }, true],
      [foreign(1235, "ens5"), NET, false],
      [foreign(1234, "wire"), NET, false],
    ] as const
  ) {
    const { run, container } = machineOf(...made);
    done(await run("DEL", config));
    assert.equal(container().links.eth0 === undefined, isDeleted, JSON.stringify(config));
  }
});

Deno.test("DEL of a vlan needs neither the master, nor the configuration, nor the namespace", async () => {
  const { run, drift, machine, state } = machineOf();
  const before = state();
  result(await run("ADD", NET));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "vlan" }, { netns: "" }));
  assert.deepEqual(state(), before);
  result(await run("ADD", NET));
  drift({ op: "link.delete", on: "host", name: "ens5" });
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", NET));
  assert.equal(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

Deno.test("STATUS of a vlan says that the master is not there, and asks IPAM", async () => {
  const { status } = machineOf();
  done(await status(NET));
  assert.equal(failure(await status({ ...NET, master: "ens9" })).code, 50);
  assert.match(failure(await status({ ...NET, ipam: { type: "no-such-ipam" } })).msg, /no-such-ipam/);
});

// A neighbour of the same master and id cannot be: the tests of crashes give each container a master of its own.
testCrashPoints({
  name: "vlan of both families",
  plugin: {
    type: "vlan",
    master: "net0",
    linkInContainer: true,
    vlanId: 7,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  prepare: ({ kernel }) => {
    for (const netns of ["/ns/blue", "/ns/neighbour"]) {
      kernel.drift(netns, {
        op: "link.create",
        on: "host",
        name: `far-${netns.slice(4, 8)}`,
        link: { kind: "veth", peer: { on: "container", name: "net0" } },
        up: true,
      }, { op: "link.set", on: "container", name: "net0", set: { up: true } });
    }
  },
  points: 25,
});
