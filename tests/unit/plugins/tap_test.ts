/** The tap plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { tap } from "../../../src/plugins/tap.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const NET = { cniVersion: "1.1.0", name: "net1", type: "tap" } as const;
const IPAM = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0/0" }] } as const;
const MAC = "02:00:00:00:00:99";
/** Its MAC is chosen, so that it does not follow its ports. */
const BR5 = {
  op: "link.create",
  on: "container",
  name: "br5",
  link: { kind: "bridge" },
  mac: "02:00:00:00:00:55",
} as const;

const machineOf = (...before: KernelOp[]) => pluginMachine(tap, before);

/** The device's link as the dump has it. */
const deviceOf = ({ container }: ReturnType<typeof machineOf>) =>
  container().links.eth0 as unknown as {
    readonly kind: string;
    readonly mac: string;
    readonly mtu: number;
    readonly up: boolean;
    readonly master: string | null;
    readonly tap: unknown;
  };

for (const version of VERSIONS) {
  Deno.test(`[TA1, TA2] ${version}: ADD, CHECK and DEL of a device of root's, alone and in a bridge`, async () => {
    for (const bridge of ["", "br5"]) {
      const made = machineOf(BR5);
      const { run, state } = made;
      const before = state();
      const config = { ...NET, cniVersion: version, owner: 0, group: 0, bridge, ipam: IPAM };
      const answer = result(await run("ADD", config));
      const link = deviceOf(made);
      assert.deepEqual(answer.interfaces, [{ name: "eth0", mac: link.mac, sandbox: "/ns/c1" }]);
      assert.deepEqual(answer.ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }]);
      assert.deepEqual([link.kind, link.mtu, link.up, link.master], ["tap", 1500, true, bridge || null]);
      assert.deepEqual(link.tap, { multiQueue: false, owner: 0, group: 0 });
      if (version >= "0.4.0") done(await run("CHECK", withPrev(config, answer)));
      for (const _ of [1, 2]) done(await run("DEL", config));
      assert.deepEqual(state(), before);
    }
  });

  Deno.test(`${version}: a tap without IPAM is refused where a result must have an address`, async () => {
    const { run, state } = machineOf();
    const before = state();
    const config = { ...NET, cniVersion: version };
    if (version < "0.3.0") {
      assert.match(failure(await run("ADD", config)).msg, /without "ipam"/);
    } else {
      assert.equal(result(await run("ADD", config)).ips, undefined);
      done(await run("DEL", config));
    }
    assert.deepEqual(state(), before);
  });
}

Deno.test("queues, owner, group, context, MTU and MAC go into the one request that makes the device", async () => {
  const made = machineOf();
  const config = { owner: 107, group: null, multiQueue: true, selinuxContext: "u:r:t:s0", mtu: 9000, mac: MAC };
  const answer = result(await made.run("ADD", { ...NET, ...config }));
  assert.deepEqual(made.ops[0], {
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "tap", multiQueue: true, owner: 107, selinuxContext: "u:r:t:s0" },
    mtu: 9000,
    mac: MAC,
  });
  assert.equal(answer.interfaces?.[0]?.mac, MAC);
});

Deno.test("the MAC of runtimeConfig beats that of args, CNI_ARGS and the configuration, in this order", async () => {
  const mac = (last: string) => `02:00:00:00:00:${last}`;
  for (
    const [config, args, last] of [
      [{ mac: mac("01") }, "", "01"],
      [{ mac: mac("01") }, `IgnoreUnknown=true;MAC=${mac("02")}`, "02"],
      [{ args: { cni: { mac: mac("03") } } }, `MAC=${mac("02")}`, "03"],
      [{ args: { cni: { mac: mac("03") } }, RuntimeConfig: { mac: mac("04") } }, `MAC=${mac("02")}`, "04"],
    ] as const
  ) {
    const made = machineOf();
    result(await made.run("ADD", { ...NET, ...config }, { args }));
    assert.equal(deviceOf(made).mac, mac(last));
  }
});

const REFUSED: readonly (readonly [string, JsonObject, RegExp])[] = [
  ["a missing bridge", { bridge: "br9" }, /"bridge" "br9": there is no such link in the container/],
  ["a bridge that is none", { bridge: "lo" }, /"bridge" "lo": the container's link .* kind "device"/],
  ["an MTU that a tap cannot have", { mtu: 65_522 }, /"mtu": 65522 is not between 68 and 65521/],
  ["a negative owner", { owner: -1 }, /owner/],
  ["a group that is nobody's", { group: 4_294_967_295 }, /group/],
  ["a multicast MAC", { mac: "01:00:5e:00:00:01" }, /mac/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD of a tap is refused and leaves nothing, and DEL has nothing against it`, async () => {
    const { run, state } = machineOf(BR5);
    const before = state();
    assert.match(failure(await run("ADD", { ...NET, ...wrong })).msg, says);
    assert.deepEqual(state(), before);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("a link of the name in the container is neither taken over by ADD nor removed by the DEL after it", async () => {
  const { run, state } = machineOf({ ...BR5, name: "eth0" });
  const before = state();
  const { code, msg } = failure(await run("ADD", { ...NET, ipam: IPAM }));
  assert.equal(code, 102);
  assert.match(msg, /"eth0" in the container: .* kind "bridge"/);
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(state(), before);
});

Deno.test("nobody is asked about IPv6 addresses of a device that nobody has opened", async () => {
  const { run, container } = machineOf();
  const dual = { type: "host-local", ranges: [[{ subnet: "fd01::/64" }]], routes: [{ dst: "::/0" }] };
  const answer = result(await run("ADD", { ...NET, ipam: dual }));
  assert.equal(answer.ips?.[0]?.gateway, "fd01::1");
  assert.deepEqual(container().routes.filter(({ dst }) => dst === "::/0").map(({ gw }) => gw), ["fd01::1"]);
});

/** A tap as somebody else makes it. */
const other = (link: JsonObject = {}): KernelOp => ({
  op: "link.create",
  on: "container",
  name: "eth0",
  link: { kind: "tap", ...link },
  mac: MAC,
});
const gone: KernelOp = { op: "link.delete", on: "container", name: "eth0" };
const up: KernelOp = { op: "link.set", on: "container", name: "eth0", set: { up: true } };

Deno.test("CHECK finds each thing that is not as ADD made it", async () => {
  const config = { ...NET, owner: 7, group: 8, multiQueue: true, bridge: "br5", mac: MAC, ipam: IPAM };
  const as = { owner: 7, group: 8, multiQueue: true };
  for (
    const [drift, says] of [
      [[gone], /"eth0".*found none/],
      [[gone, { ...BR5, name: "eth0" }], /kind tap, found bridge/],
      [[gone, other({ ...as, owner: 9 })], /owner 7, found 9/],
      [[gone, other({ owner: 7, multiQueue: true })], /group 8, found none/],
      [[gone, other({ ...as, multiQueue: false })], /several queues on, found off/],
      [[{ op: "link.set", on: "container", name: "eth0", set: { master: null } }], /master "br5", found none/],
      [[{ op: "link.set", on: "container", name: "eth0", set: { up: false } }], /state up, found down/],
      [[{ op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:00:98" } }], /expected MAC .*:99/],
      [[{ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" }], /address 10.1.0.2\/24/],
      [[{ op: "route.remove", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" }], /0.0.0.0\/0/],
    ] as readonly (readonly [readonly KernelOp[], RegExp])[]
  ) {
    const { run, drift: change } = machineOf(BR5);
    const made = result(await run("ADD", config));
    done(await run("CHECK", withPrev(config, made)));
    change(...drift);
    const { msg, details = "" } = failure(await run("CHECK", withPrev(config, made)));
    assert.match(`${msg}; ${details}`, says, JSON.stringify(drift));
  }
});

Deno.test("what another implementation made is checked against the configuration and deleted", async () => {
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mac: MAC, sandbox: "/ns/c1" }] };
  const inBridge: KernelOp = { op: "link.set", on: "container", name: "eth0", set: { master: "br5" } };
  for (
    const [link, config, says] of [
      [{ owner: 5 }, { owner: 5, bridge: "br5" }, null],
      [{}, {}, null],
      [{ owner: 5 }, { owner: 6 }, /owner 6, found 5/],
      [{}, { group: 6 }, /group 6, found none/],
      [{}, { multiQueue: true }, /several queues, found one/],
      [{}, { bridge: "br6" }, /master br6, found br5/],
      [{}, { mtu: 1400 }, /MTU 1400, found 1500/],
    ] as const
  ) {
    const { run, state, container } = machineOf(BR5, other(link), up, inBridge);
    const all = { ...NET, ...config, prevResult };
    const checked = await run("CHECK", all);
    if (says === null) done(checked);
    else assert.match(JSON.stringify(failure(checked)), says);
    done(await run("DEL", all));
    assert.equal(container().links.eth0, undefined);
    assert.deepEqual(state(), machineOf(BR5).state());
  }
});

Deno.test("DEL leaves a link of another kind alone that the log does not know", async () => {
  const { run, state } = machineOf({ ...BR5, name: "eth0" });
  const before = state();
  done(await run("DEL", NET));
  assert.deepEqual(state(), before);
});

Deno.test("DEL needs neither the configuration nor the namespace", async () => {
  const { run, machine, state } = machineOf();
  const before = state();
  result(await run("ADD", { ...NET, ipam: IPAM }));
  done(await run("DEL", NET, { netns: "" }));
  assert.deepEqual(state(), before);
  result(await run("ADD", { ...NET, ipam: IPAM }));
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

testCrashPoints({
  name: "a tap of both families",
  plugin: {
    type: "tap",
    owner: 1000,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    },
  },
  points: 25,
});
