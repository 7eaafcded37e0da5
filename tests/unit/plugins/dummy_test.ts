/** The dummy plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { dummy } from "../../../src/plugins/dummy.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const IPAM = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "10.9.0.0/16", gw: "10.1.0.1" }] } as const;
const NET = { cniVersion: "1.1.0", name: "net1", type: "dummy", ipam: IPAM } as const;
const MAC = "02:00:00:00:00:99";

for (const version of VERSIONS) {
  Deno.test(`[DU1, DU3] ${version}: ADD, CHECK and DEL with host-local`, async () => {
    const { run, container, state, machine } = pluginMachine(dummy);
    const before = state();
    const config = { ...NET, cniVersion: version };
    const made = result(await run("ADD", config));
    const link = container().links.eth0;
    assert.deepEqual(made.interfaces, [{ name: "eth0", mac: link?.mac, sandbox: "/ns/c1" }]);
    assert.deepEqual(made.ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }]);
    assert.deepEqual([link?.kind, link?.mtu, link?.up], ["dummy", 1500, true]);
    if (version >= "0.4.0") done(await run("CHECK", withPrev(config, made)));
    for (const _ of [1, 2]) done(await run("DEL", config));
    assert.deepEqual(state(), before);
    assert.equal(
      await machine.stateOf({ network: "net1", containerId: "c1", ifName: "eth0", slot: "dummy" }),
      "detached",
    );
  });

  Deno.test(`[DU4] ${version}: without "ipam" ADD is refused, also for a namespace that does not exist`, async () => {
    const { run, state } = pluginMachine(dummy);
    const before = state();
    const { ipam: _, ...none } = { ...NET, cniVersion: version };
    assert.match(failure(await run("ADD", none, { netns: "/ns/none" })).msg, /"ipam"/);
    assert.match(failure(await run("ADD", { ...none, ipam: { type: "" } })).msg, /"ipam.type": it is empty/);
    assert.deepEqual(state(), before);
  });
}

Deno.test("[DU2] a link of that name on the host does not matter", async () => {
  const { run, container, state } = pluginMachine(dummy, [
    { op: "link.create", on: "host", name: "eth0", link: { kind: "bridge" } },
  ]);
  const before = state();
  const made = result(await run("ADD", NET));
  assert.equal(container().links.eth0?.kind, "dummy");
  done(await run("CHECK", withPrev(NET, made)));
  done(await run("DEL", NET));
  assert.deepEqual(state(), before);
});

Deno.test("MTU and MAC are those of the configuration; the MAC of runtimeConfig beats all others", async () => {
  const wishes = [
    [{ mac: MAC, mtu: 1300 }, "", 1300],
    [{ mac: "02:00:00:00:00:01" }, `IgnoreUnknown=1;MAC=${MAC}`, 1500],
    [{ args: { cni: { mac: MAC } } }, "IgnoreUnknown=1;MAC=02:00:00:00:00:02", 1500],
    [{ args: { cni: { mac: "02:00:00:00:00:03" } }, runtimeConfig: { mac: MAC } }, "", 1500],
  ] as const;
  for (const [config, args, mtu] of wishes) {
    const { run, container } = pluginMachine(dummy);
    const made = result(await run("ADD", { ...NET, ...config }, { args }));
    assert.deepEqual([container().links.eth0?.mac, made.interfaces?.[0]?.mac], [MAC, MAC]);
    assert.equal(container().links.eth0?.mtu, mtu);
  }
});

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["an impossible MTU", { mtu: 20 }, /"mtu": 20/],
  ["a MAC that is none", { mac: "02:00" }, /mac/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
  [
    "IPAM without an address left",
    { ipam: { ...IPAM, rangeStart: "10.1.0.1", rangeEnd: "10.1.0.1" } },
    /no free|10\.1/,
  ],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD of a dummy is refused and leaves nothing`, async () => {
    const { run, state } = pluginMachine(dummy);
    const before = state();
    assert.match(failure(await run("ADD", { ...NET, ...wrong })).msg, says);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("a link of the name in the container is not touched, by ADD or by the DEL after it", async () => {
  const { run, state } = pluginMachine(dummy, [
    { op: "link.create", on: "container", name: "eth0", link: { kind: "bridge" } },
  ]);
  const before = state();
  assert.match(failure(await run("ADD", NET)).msg, /"eth0" in the container: .* kind "bridge"/);
  done(await run("DEL", NET));
  assert.deepEqual(state(), before);
});

Deno.test("a kernel without dummies is named as the reason, with the module to load, and no address is kept", async () => {
  const { run, state } = pluginMachine(dummy, [], { missing: ["dummy"] });
  const before = state();
  const { code, msg, details } = failure(await run("ADD", NET));
  assert.equal(code, 50);
  assert.match(msg, /"eth0" in the container: the kernel has no links of kind "dummy" \(EOPNOTSUPP\)/);
  assert.match(details ?? "", /modprobe dummy/);
  assert.deepEqual(state(), before);
});

Deno.test("name service settings are those of the configuration, else those of IPAM", async () => {
  const dns = { nameservers: ["192.0.2.53"] };
  for (const more of [{ dns }, { ipam: { ...IPAM, resolvConf: "/etc/resolv" } }]) {
    const { run, machine } = pluginMachine(dummy);
    machine.files.set("/etc/resolv", "nameserver 192.0.2.53\n");
    assert.deepEqual(result(await run("ADD", { ...NET, ...more })).dns?.nameservers, dns.nameservers);
  }
});

const DRIFTS: readonly (readonly [KernelOp, RegExp])[] = [
  [{ op: "link.delete", on: "container", name: "eth0" }, /"eth0".*found none/],
  [{ op: "link.set", on: "container", name: "eth0", set: { up: false } }, /state up, found down/],
  [{ op: "link.set", on: "container", name: "eth0", set: { mac: MAC } }, /expected MAC .*, found 02:00:00:00:00:99/],
  [{ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" }, /address 10.1.0.2\/24, found/],
  [{ op: "route.remove", on: "container", link: "eth0", dst: "10.9.0.0/16", gw: "10.1.0.1" }, /route to 10.9.0.0\/16/],
];

for (const [drift, says] of DRIFTS) {
  Deno.test(`CHECK of a dummy finds what ${drift.op} has changed: ${says.source}`, async () => {
    const { run, drift: change } = pluginMachine(dummy);
    const made = result(await run("ADD", NET));
    change(drift);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(NET, made)));
    assert.match(`${msg}; ${details}`, says);
  });
}

Deno.test("a dummy that another implementation made is checked and deleted, a link of another kind is not", async () => {
  for (const kind of ["dummy", "bridge"] as const) {
    const { run, container } = pluginMachine(dummy, [
      { op: "link.create", on: "container", name: "eth0", link: { kind }, mac: MAC },
      { op: "link.set", on: "container", name: "eth0", set: { up: true } },
    ]);
    const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mac: MAC, sandbox: "/ns/c1" }], ips: [] };
    const config = { ...NET, ipam: { type: "static" }, prevResult };
    const checked = await run("CHECK", config);
    if (kind === "dummy") done(checked);
    else assert.match(failure(checked).msg, /expected a dummy, found a link of kind "bridge"/);
    done(await run("DEL", config));
    assert.equal(container().links.eth0 === undefined, kind === "dummy");
  }
});

Deno.test("DEL of a dummy needs neither configuration nor namespace", async () => {
  const { run, machine, state } = pluginMachine(dummy);
  const before = state();
  result(await run("ADD", NET));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "dummy" }, { netns: "" }));
  assert.deepEqual(state(), before);
  result(await run("ADD", NET));
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", NET));
  assert.equal(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

Deno.test("STATUS of a dummy asks IPAM, which must have a name", async () => {
  const { status } = pluginMachine(dummy);
  done(await status(NET));
  assert.match(failure(await status({ ...NET, ipam: { type: "" } })).msg, /"ipam.type": it is empty/);
  assert.match(failure(await status({ ...NET, ipam: { type: "no-such-ipam" } })).msg, /no-such-ipam/);
});

testCrashPoints({
  name: "dummy of both families",
  plugin: {
    type: "dummy",
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  points: 20,
});
