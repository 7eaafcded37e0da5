/** The ipvlan plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { ipvlan } from "../../../src/plugins/ipvlan.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { INSIDE, MASTER, pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const IPAM = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0/0" }] } as const;
const NET = { cniVersion: "1.1.0", name: "net1", type: "ipvlan", master: "ens5", ipam: IPAM } as const;
const MAC = "02:00:00:00:00:99";

/** The master, with a link in the container that can be one too. */
const machineOf = (...more: KernelOp[]) => pluginMachine(ipvlan, [...MASTER, ...INSIDE, ...more]);

/** Both places that a master can be in, with what the configuration says of it and what a dump calls it. */
const PLACES = [
  ["on the host", { master: "ens5", linkInContainer: false }, "/proc/self/ns/net ens5"],
  ["in the container", { master: "net0", linkInContainer: true }, "net0"],
] as const;

const modes = ["l2", "l3", "l3s"] as const;

for (const [where, place, parent] of PLACES) {
  for (const version of VERSIONS) {
    Deno.test(`[IV2] ${version}, master ${where}: ADD, CHECK and DEL twice with host-local`, async () => {
      const { run, container, host, state } = machineOf();
      const before = state();
      const config = { ...NET, ...place, cniVersion: version };
      const made = result(await run("ADD", config));
      const link = container().links.eth0;
      const mac = (place.linkInContainer ? container() : host()).links[place.master]?.mac;
      assert.deepEqual(made.interfaces, [{ name: "eth0", mac, sandbox: "/ns/c1" }]);
      assert.deepEqual(made.ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }]);
      assert.deepEqual([link?.kind, link?.mac, link?.up, link?.over], ["ipvlan", mac, true, { mode: "l2", parent }]);
      if (version >= "0.4.0") done(await run("CHECK", withPrev(config, made)));
      for (const _ of [1, 2]) done(await run("DEL", config));
      assert.deepEqual(state(), before);
    });
  }

  Deno.test(`[IV1] master ${where}: mode and MTU reach the kernel in one request, under the final name`, async () => {
    for (const mode of [...modes, ""] as const) {
      const { run, ops } = machineOf();
      result(await run("ADD", { ...NET, ...place, mode, mtu: 1400 }));
      const on = place.linkInContainer ? "container" : "host";
      assert.deepEqual(ops[0], {
        op: "link.create",
        on: "container",
        name: "eth0",
        link: { kind: "ipvlan", parent: { on, name: place.master }, mode: mode || "l2" },
        mtu: 1400,
      });
    }
  });

  Deno.test(`[IV3] master ${where}: behind another plugin it takes that one's link, addresses, routes and name service`, async () => {
    const { run, container, state } = machineOf();
    const before = state();
    const { master, ...place_ } = place;
    const config = { cniVersion: "1.1.0", name: "net1", type: "ipvlan", ...place_ };
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: master }],
      ips: [{ address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 0 }],
      routes: [{ dst: "10.7.0.0/16" }],
      dns: { nameservers: ["10.1.2.1"] },
    };
    const made = result(await run("ADD", { ...config, prevResult }));
    assert.equal(container().links.eth0?.over?.parent, parent);
    assert.deepEqual(made.interfaces?.map(({ name }) => name), ["eth0"]);
    assert.deepEqual(made.ips, prevResult.ips);
    assert.deepEqual([made.routes, made.dns], [prevResult.routes, prevResult.dns]);
    const route = container().routes.find(({ dst }) => dst === "10.7.0.0/16");
    assert.deepEqual([route?.gw, route?.link], ["10.1.2.1", "eth0"]);
    done(await run("CHECK", withPrev({ ...config, master }, made)));
    done(await run("CHECK", withPrev(config, made)));
    done(await run("DEL", withPrev({ ...config, master }, made)));
    assert.deepEqual(state(), before);
  });

  Deno.test(`[IV5] master ${where}: without one it is the link of the default route`, async () => {
    const { run, container, state } = machineOf();
    const before = state();
    const config = { ...NET, ...place, master: "", ipam: { type: "host-local", subnet: "10.1.0.0/24" } };
    const made = result(await run("ADD", config));
    assert.equal(container().links.eth0?.over?.parent, parent);
    done(await run("CHECK", withPrev(config, made)));
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  });

  Deno.test(`[IV4] master ${where}: DEL without ADD removes nothing, not even a link of that name and another kind`, async () => {
    const { run, state } = machineOf({ op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } });
    const before = state();
    done(await run("DEL", { ...NET, ...place }));
    assert.deepEqual(state(), before);
  });
}

const of = (interfaces: readonly object[], ips: readonly object[] = [{ address: "10.1.2.3/24" }]) => ({
  master: "",
  ipam: null,
  prevResult: { cniVersion: "1.1.0", interfaces, ips },
});

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["a missing master", { master: "ens9" }, /"master" "ens9": there is no such link on the host/],
  ["a master that is not in the container", { linkInContainer: true }, /no such link in the container/],
  ["an unknown mode", { mode: "l4" }, /mode/],
  ["an MTU above the master's", { mtu: 1451 }, /"mtu": 1451 is more than the 1450 of its master "ens5"/],
  ["a negative MTU", { mtu: -100 }, /"mtu": -100/],
  ["neither ipam nor prevResult", { ipam: null }, /there is no "ipam", and no "prevResult"/],
  ["a prevResult without addresses", of([{ name: "ens5" }], []), /there is no "ipam", and "prevResult" has none/],
  ["a prevResult of two interfaces", of([{ name: "ens5" }, { name: "ens6" }]), /"prevResult" has 2 interfaces/],
  ["a prevResult of no interfaces", of([]), /"prevResult" has 0 interfaces/],
  ["an interface without a name", of([{ name: "" }]), /name/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD of an ipvlan is refused and leaves nothing`, async () => {
    const { run, state } = machineOf();
    const before = state();
    const { msg, details = "" } = failure(await run("ADD", { ...NET, ...wrong }));
    assert.match(`${msg}; ${details}`, says);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("a master that is named, and IPAM that is, come before those of the plugin before", async () => {
  const { run, container } = machineOf();
  const prevResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "net0" }, { name: "x" }],
    ips: [{ address: "10.9.0.2/24" }],
  };
  const made = result(await run("ADD", { ...NET, prevResult }));
  assert.equal(container().links.eth0?.over?.parent, "/proc/self/ns/net ens5");
  assert.deepEqual(made.ips?.map(({ address }) => address), ["10.1.0.2/24"]);
});

Deno.test("an address that another ipvlan of the master has is refused, and nothing is left", async () => {
  const { run, machine, container, state } = machineOf();
  machine.kernel.addNetns("/ns/c2");
  const config = { ...NET, ipam: { type: "static", addresses: [{ address: "10.1.0.9/24" }] } };
  result(await run("ADD", config, { key: { network: "net1", containerId: "c2", ifName: "eth0" }, netns: "/ns/c2" }));
  const before = state();
  assert.match(failure(await run("ADD", config)).msg, /10\.1\.0\.9\/24.*EADDRINUSE.*assigned to an ipvlan/);
  assert.deepEqual([state(), container().links.eth0], [before, undefined]);
});

Deno.test("CHECK tells that another ADD has changed the mode, which all ipvlans of a master share", async () => {
  const { run, machine } = machineOf();
  machine.kernel.addNetns("/ns/c2");
  const made = result(await run("ADD", NET));
  done(await run("CHECK", withPrev(NET, made)));
  const other = { key: { network: "net1", containerId: "c2", ifName: "eth0" }, netns: "/ns/c2" };
  result(await run("ADD", { ...NET, mode: "l3" }, other));
  assert.match(failure(await run("CHECK", withPrev(NET, made))).msg, /expected mode l2, found l3/);
});

Deno.test("a kernel without ipvlans is named as the reason, with the module to load, and no address is kept", async () => {
  const { run, state } = pluginMachine(ipvlan, MASTER, { missing: ["ipvlan"] });
  const before = state();
  const { msg, details } = failure(await run("ADD", NET));
  assert.match(`${msg}; ${details}`, /no links of kind "ipvlan" \(EOPNOTSUPP\); load its module: modprobe ipvlan/);
  assert.deepEqual(state(), before);
});

Deno.test("CHECK of an ipvlan finds each thing that is not as ADD made it", async () => {
  const make = (name: string, kind: "ipvlan" | "macvlan"): KernelOp => ({
    op: "link.create",
    on: "container",
    name: "eth0",
    link: {
      parent: { on: "host", name },
      ...(kind === "ipvlan" ? { kind, mode: "l2" as const } : { kind, mode: "bridge" as const }),
    },
  });
  const gone: KernelOp = { op: "link.delete", on: "container", name: "eth0" };
  const drifts: readonly (readonly [readonly KernelOp[], RegExp])[] = [
    [[gone], /"eth0".*found none/],
    [[{ op: "link.set", on: "container", name: "eth0", set: { up: false } }], /state up, found down/],
    [[{ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" }], /10.1.0.2\/24, found/],
    [[gone, make("wire", "ipvlan")], /"ens5" on the host as its parent, found another/],
    [[gone, make("ens5", "macvlan")], /kind ipvlan, found macvlan/],
  ];
  for (const [drift, says] of drifts) {
    const { run, drift: change } = machineOf();
    const made = result(await run("ADD", NET));
    change(...drift);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(NET, made)));
    assert.match(`${msg}; ${details}`, says);
  }
});

Deno.test("what another implementation made is checked and deleted, and what it did not make is not", async () => {
  const foreign = (name: string, mode: (typeof modes)[number]): readonly KernelOp[] => [
    { op: "link.set", on: "host", name: "ens5", set: { mac: MAC } },
    {
      op: "link.create",
      on: "container",
      name: "eth0",
      link: { kind: "ipvlan", mode, parent: { on: "host", name } },
    },
    { op: "link.set", on: "container", name: "eth0", set: { up: true } },
  ];
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mac: MAC, sandbox: "/ns/c1" }], ips: [] };
  const { ipam: _, ...chained } = NET;
  for (
    const [parent, mode, config, isFine, isDeleted] of [
      ["ens5", "l2", { ...chained, prevResult }, true, true],
      ["ens5", "l2", { ...chained, master: "", prevResult }, true, true],
      ["ens5", "l3", { ...chained, prevResult }, false, true],
      ["wire", "l2", { ...chained, prevResult }, false, false],
      ["ens5", "l3s", { ...chained, prevResult: null }, false, false],
      ["ens5", "l2", { ...chained, prevResult: null }, false, true],
    ] as const
  ) {
    const { run, container } = machineOf(...foreign(parent, mode));
    assert.equal((await run("CHECK", config)).ended, isFine ? "ok" : "failed");
    done(await run("DEL", config));
    assert.equal(container().links.eth0 === undefined, isDeleted, JSON.stringify([parent, mode, config]));
  }
});

Deno.test("DEL needs neither the master, nor a default route, nor the configuration, nor the namespace", async () => {
  const { run, drift, machine, state } = machineOf();
  const before = state();
  result(await run("ADD", NET));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "ipvlan" }, { netns: "" }));
  assert.deepEqual(state(), before);
  const anywhere = { ...NET, master: "" };
  result(await run("ADD", anywhere));
  drift({ op: "link.delete", on: "host", name: "ens5" });
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", anywhere));
  assert.equal(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

Deno.test("STATUS of an ipvlan says that a master that is named is not there, and asks IPAM", async () => {
  const { status } = machineOf();
  done(await status(NET));
  done(await status({ ...NET, master: "", ipam: null }));
  assert.equal(failure(await status({ ...NET, master: "ens9" })).code, 50);
  assert.match(failure(await status({ ...NET, ipam: { type: "no-such-ipam" } })).msg, /no-such-ipam/);
});

testCrashPoints({
  name: "ipvlan of both families",
  plugin: {
    type: "ipvlan",
    master: "ens5",
    mode: "l3",
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  prepare: ({ kernel }) => kernel.drift(null, ...MASTER),
  points: 25,
});
