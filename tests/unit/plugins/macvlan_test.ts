/** The macvlan plugin on a simulated machine. Numbers are those of scenarios/macvlan.txt. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { macvlan } from "../../../src/plugins/macvlan.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { INSIDE, MASTER, pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const NET = { cniVersion: "1.1.0", name: "net1", type: "macvlan", master: "ens5" } as const;
const IPAM = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0/0" }] } as const;
const MAC = "02:00:00:00:00:99";

const machineOf = (...more: KernelOp[]) => pluginMachine(macvlan, [...MASTER, ...more]);

for (const version of VERSIONS) {
  Deno.test(`[MV1, MV2, MV5] ${version}: ADD, CHECK and DEL with host-local`, async () => {
    const { run, container, state, machine } = machineOf();
    const before = state();
    const config = { ...NET, cniVersion: version, ipam: IPAM };
    const made = result(await run("ADD", config));
    const link = container().links.eth0;
    assert.deepEqual(made.interfaces, [{ name: "eth0", mac: link?.mac, sandbox: "/ns/c1" }]);
    assert.deepEqual(made.ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }]);
    assert.deepEqual([link?.kind, link?.mtu, link?.up, link?.over], [
      "macvlan",
      1450,
      true,
      { mode: "bridge", parent: "/proc/self/ns/net ens5" },
    ]);
    if (version >= "0.4.0") done(await run("CHECK", withPrev(config, made)));
    for (const _ of [1, 2]) done(await run("DEL", config));
    assert.deepEqual(state(), before);
    assert.equal(
      await machine.stateOf({ network: "net1", containerId: "c1", ifName: "eth0", slot: "macvlan" }),
      "detached",
    );
  });

  Deno.test(`[MV4] ${version}: layer 2 only, where a result can say so`, async () => {
    const { run, container, state } = machineOf();
    const before = state();
    const config = { ...NET, cniVersion: version };
    if (version < "0.3.0") {
      assert.match(failure(await run("ADD", config)).msg, /without "ipam"/);
      assert.deepEqual(state(), before);
      return;
    }
    const made = result(await run("ADD", config));
    assert.deepEqual([made.ips, container().links.eth0?.up], [undefined, true]);
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  });
}

Deno.test("[MV3] DEL without ADD removes nothing, not even a link of that name and another kind", async () => {
  const { run, state } = machineOf({
    op: "link.create",
    on: "host",
    name: "far0",
    link: { kind: "veth", peer: { on: "container", name: "eth0" } },
  });
  const before = state();
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(state(), before);
});

Deno.test("[MV6] without a master it is the link of the default route with the lowest metric", async () => {
  const better: readonly KernelOp[] = [
    {
      op: "link.create",
      on: "host",
      name: "ens6",
      link: { kind: "veth", peer: { on: "host", name: "wire6" } },
      up: true,
    },
    { op: "link.set", on: "host", name: "wire6", set: { up: true } },
    { op: "address.add", on: "host", link: "ens6", address: "203.0.113.7/24" },
    { op: "route.add", on: "host", link: "ens6", dst: "0.0.0.0/0", gw: "203.0.113.1", metric: 50 },
  ];
  for (const [more, expected] of [[[], "ens5"], [better, "ens6"]] as const) {
    const { run, container } = machineOf(...more);
    const config = { ...NET, master: "" };
    result(await run("ADD", config));
    assert.equal(container().links.eth0?.over?.parent, `/proc/self/ns/net ${expected}`);
  }
});

Deno.test("[MV6] the master may be a link of the container, also the one of its default route", async () => {
  for (const master of ["net0", undefined]) {
    const { run, container, state } = machineOf(...INSIDE);
    const before = state();
    const config = {
      ...NET,
      master: master ?? "",
      linkInContainer: true,
      ipam: { type: "host-local", subnet: "10.1.0.0/24" },
    };
    const made = result(await run("ADD", config));
    assert.equal(container().links.eth0?.over?.parent, "net0");
    done(await run("CHECK", withPrev(config, made)));
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  }
});

Deno.test("[MV7, MV8] the MAC of runtimeConfig beats that of args, CNI_ARGS and the configuration, in this order", async () => {
  const mac = (last: string) => `02:00:00:00:00:${last}`;
  const wishes = [
    [{ mac: mac("01") }, "", "01"],
    [{ mac: mac("01") }, `IgnoreUnknown=true;MAC=${mac("02")}`, "02"],
    [{ args: { cni: { mac: mac("03") } } }, `MAC=${mac("02")}`, "03"],
    [{ args: { cni: { mac: mac("03") } }, RuntimeConfig: { mac: mac("04") } }, `MAC=${mac("02")}`, "04"],
  ] as const;
  for (const [config, args, last] of wishes) {
    const { run, container } = machineOf();
    const made = result(await run("ADD", { ...NET, ...config }, { args }));
    assert.deepEqual([container().links.eth0?.mac, made.interfaces?.[0]?.mac], [mac(last), mac(last)]);
  }
});

Deno.test("mode, MTU and the broadcast queue reach the kernel", async () => {
  for (const mode of ["bridge", "private", "vepa", "passthru", ""] as const) {
    const { run, ops } = machineOf();
    result(await run("ADD", { ...NET, mode, mtu: 1300, bcqueuelen: 77 }));
    assert.deepEqual(ops[0], {
      op: "link.create",
      on: "container",
      name: "eth0",
      link: { kind: "macvlan", parent: { on: "host", name: "ens5" }, mode: mode || "bridge", bcQueueLen: 77 },
      mtu: 1300,
    });
  }
});

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["a missing master", { master: "ens9" }, /"master" "ens9": there is no such link on the host/],
  ["a missing master in the container", { linkInContainer: true }, /no such link in the container/],
  ["no default route in the container", { master: "", linkInContainer: true }, /no default route in the container/],
  ["an unknown mode", { mode: "source" }, /mode/],
  ["an MTU above the master's", { mtu: 1451 }, /"mtu": 1451 is more than the 1450 of its master "ens5"/],
  ["a negative MTU", { mtu: -100 }, /"mtu": -100/],
  ["a MAC that is none", { mac: "02:00" }, /mac/],
  ["a multicast MAC", { mac: "01:00:5e:00:00:01" }, /mac/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD is refused and leaves nothing`, async () => {
    const { run, state } = machineOf();
    const before = state();
    assert.match(failure(await run("ADD", { ...NET, ...wrong })).msg, says);
    assert.deepEqual(state(), before);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("a link of the name in the container is not touched, by ADD or by the DEL after it", async () => {
  const { run, state } = machineOf({ op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } });
  const before = state();
  assert.match(failure(await run("ADD", { ...NET, ipam: IPAM })).msg, /"eth0" in the container: .* kind "dummy"/);
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(state(), before);
});

Deno.test("name service settings are those of the configuration, else those of IPAM", async () => {
  const dns = { nameservers: ["192.0.2.53"] };
  for (const more of [{ dns }, { ipam: { ...IPAM, resolvConf: "/etc/resolv" } }]) {
    const { run, machine } = machineOf();
    machine.files.set("/etc/resolv", "nameserver 192.0.2.53\n");
    assert.deepEqual(result(await run("ADD", { ...NET, ipam: IPAM, ...more })).dns?.nameservers, dns.nameservers);
  }
});

Deno.test("CHECK finds each thing that is not as ADD made it", async () => {
  const drifts: readonly (readonly [KernelOp, RegExp])[] = [
    [{ op: "link.delete", on: "container", name: "eth0" }, /"eth0".*found none/],
    [{ op: "link.delete", on: "host", name: "ens5" }, /found none/],
    [{ op: "link.set", on: "container", name: "eth0", set: { up: false } }, /state up, found down/],
    [{ op: "link.set", on: "container", name: "eth0", set: { mac: MAC } }, /expected MAC .*, found 02:00:00:00:00:99/],
    [
      { op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" },
      /address 10.1.0.2\/24, found/,
    ],
    [{ op: "route.remove", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" }, /route to 0.0.0.0\/0/],
  ];
  for (const [drift, says] of drifts) {
    const { run, drift: change } = machineOf();
    const config = { ...NET, ipam: IPAM };
    const made = result(await run("ADD", config));
    done(await run("CHECK", withPrev(config, made)));
    change(drift);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(config, made)));
    assert.match(`${msg}; ${details}`, says, JSON.stringify(drift));
  }
});

Deno.test("CHECK finds another link under the same name: another mode, another master, another kind", async () => {
  const over = (mode: "private" | "bridge", name: string): KernelOp => ({
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "macvlan", mode, parent: { on: "host", name } },
  });
  for (
    const [other, says] of [
      [over("private", "ens5"), /mode bridge, found private/],
      [over("bridge", "wire"), /"ens5" on the host as its parent, found another/],
      [{ op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } }, /kind macvlan, found dummy/],
    ] as const
  ) {
    const { run, drift } = machineOf();
    const made = result(await run("ADD", NET));
    drift({ op: "link.delete", on: "container", name: "eth0" }, other);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(NET, made)));
    assert.match(`${msg}; ${details}`, says);
  }
});

/** An attachment as another implementation makes it: nothing of it is in the log. */
const foreign = (name: string): KernelOp => ({
  op: "link.create",
  on: "container",
  name: "eth0",
  link: { kind: "macvlan", mode: "bridge", parent: { on: "host", name } },
  mac: MAC,
});

Deno.test("what another implementation made is checked and deleted, and what it did not make is not", async () => {
  const entry = { name: "eth0", mac: MAC, sandbox: "/ns/c1" };
  const prevResult = { cniVersion: "1.1.0", interfaces: [entry], ips: [] };
  for (
    const [parent, config, isDeleted] of [
      ["ens5", { ...NET, prevResult }, true],
      ["ens5", NET, true],
      ["ens5", { ...NET, prevResult: { ...prevResult, interfaces: [{ ...entry, mac: "02:00:00:00:00:98" }] } }, true],
      ["wire", NET, false],
      ["ens5", { ...NET, mode: "vepa" }, false],
      ["ens5", { ...NET, linkInContainer: true }, false],
    ] as const
  ) {
    const { run, container } = machineOf(foreign(parent), {
      op: "link.set",
      on: "container",
      name: "eth0",
      set: { up: true },
    });
    if ("prevResult" in config) {
      const checked = await run("CHECK", config);
      assert.equal(checked.ended, config.prevResult === prevResult ? "ok" : "failed", JSON.stringify(checked));
    }
    done(await run("DEL", config));
    assert.equal(container().links.eth0 === undefined, isDeleted, JSON.stringify([parent, config]));
  }
});

Deno.test("DEL needs neither the master, nor the configuration, nor the namespace", async () => {
  const { run, drift, machine, state } = machineOf();
  const before = state();
  result(await run("ADD", { ...NET, ipam: IPAM }));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "macvlan" }, { netns: "" }));
  assert.deepEqual(state(), before);
  result(await run("ADD", { ...NET, ipam: IPAM }));
  drift({ op: "link.delete", on: "host", name: "ens5" });
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

testCrashPoints({
  name: "macvlan of both families",
  plugin: {
    type: "macvlan",
    master: "ens5",
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  prepare: ({ kernel }) => kernel.drift(null, ...MASTER),
  points: 25,
});
