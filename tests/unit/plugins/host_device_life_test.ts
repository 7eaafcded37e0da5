/** host-device on a simulated machine: what ends without DEL, what others have made, and no crash leaves anything. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { IPAM, machineOf, NET, NIC } from "../../support/host_device_machine.ts";
import { withPrev } from "../../support/plugin_machine.ts";

Deno.test("hardware comes back under its own name though its namespace is gone, its name there was another, and DEL knows nothing", async () => {
  for (const change of [{}, { netns: "" }]) {
    const { run, machine, drift, host, state } = machineOf();
    drift({ op: "link.set", on: "host", name: "nic0", set: { up: true, mtu: 9000 } });
    const before = state();
    result(await run("ADD", { ...NET, device: "nic0" }));
    drift({
      op: "link.set",
      on: "container",
      name: "eth0",
      set: { mtu: 1300, mac: "0a:00:00:00:00:77", alias: "mine" },
    });
    machine.kernel.removeNetns("/ns/c1");
    assert.equal(host().links.eth0?.alias, "mine", "the kernel gives it back under the container's name");
    done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "host-device" }, change));
    machine.kernel.addNetns("/ns/c1");
    assert.deepEqual(state(), before);
  }
});

Deno.test("a virtual link dies with its namespace: DEL succeeds and gives the address back", async () => {
  const { run, machine } = machineOf();
  const config = { ...NET, ipam: { type: "host-local", subnet: "10.1.0.0/24" } };
  result(await run("ADD", config));
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", config));
  assert.deepEqual(machine.leases.dump()["/var/lib/cni/networks/net1"]?.["10.1.0.2"], undefined);
});

Deno.test("what a router has advertised on the host is left to it; what a lease gave comes back", async () => {
  const { run, host } = machineOf(
    {
      op: "address.add",
      on: "host",
      link: "ens5",
      address: "2001:db8::77/64",
      lifetime: { preferred: 60, valid: 120 },
    },
    { op: "address.add", on: "host", link: "ens5", address: "192.0.2.77/24", lifetime: { preferred: 60, valid: 120 } },
    { op: "route.add", on: "host", link: "ens5", dst: "::/0", gw: "fd00::1", protocol: 9 },
  );
  result(await run("ADD", NET));
  done(await run("DEL", NET));
  const addresses = host().links.ens5?.addresses.map(({ address }) => address) ?? [];
  assert.deepEqual(["2001:db8::77/64", "192.0.2.77/24"].map((each) => addresses.includes(each)), [false, true]);
  assert.deepEqual(host().routes.filter(({ dst }) => dst === "::/0" || dst === "2001:db8::/64"), []);
});

Deno.test("CHECK finds each thing that is not as ADD made it", async () => {
  const drifts: readonly (readonly [KernelOp, RegExp])[] = [
    [{ op: "link.delete", on: "container", name: "eth0" }, /"eth0".*found none/],
    [{ op: "link.set", on: "container", name: "eth0", set: { up: false } }, /state up, found down/],
    [{ op: "link.set", on: "container", name: "eth0", set: { mac: "0a:00:00:00:00:77" } }, /MAC .*, found 0a/],
    [{ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.9/24" }, /address 10.1.0.9\/24, found/],
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

Deno.test("name service settings are those of the configuration, else those of IPAM", async () => {
  const dns = { nameservers: ["192.0.2.53"] };
  for (const more of [{ dns, ipam: IPAM }, { ipam: { ...IPAM, dns } }]) {
    const { run } = machineOf();
    assert.deepEqual(result(await run("ADD", { ...NET, ...more })).dns, dns);
  }
});

testCrashPoints({
  name: "host-device of a link in use, with addresses of both families",
  plugin: {
    type: "host-device",
    hwaddr: NIC.mac,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  // Two cards of one address: the neighbour gets the first.
  prepare: ({ kernel }) => {
    for (const [index, name] of ["nic0", "nic1"].entries()) {
      kernel.addDevice(name, `pci/0000:00:0${4 + index}.0`, NIC.mac);
      kernel.drift(
        null,
        { op: "link.set", on: "host", name, set: { up: true, mtu: 1400, alias: "uplink" } },
        { op: "address.add", on: "host", link: name, address: `192.0.2.${7 + index}/24` },
        { op: "route.add", on: "host", link: name, dst: `198.51.${index}.0/24`, gw: "192.0.2.1" },
      );
    }
  },
  points: 20,
});

/** A link as another implementation takes it: nothing of that is in the log. */
const takenByOther = (alias: string): readonly KernelOp[] => [
  {
    op: "link.move",
    on: "host",
    name: "ens5",
    to: { on: "container", name: "eth0" },
    link: { kind: "veth", mac: "", index: 0 },
    alias,
  },
  { op: "link.set", on: "container", name: "eth0", set: { up: true } },
  { op: "address.add", on: "container", link: "eth0", address: "10.1.0.9/24" },
];

Deno.test("what another implementation took is checked and given back, by the name in its alias where that can be", async () => {
  const aliases: readonly (readonly [string, object, string | null])[] = [
    ["ens5", { device: "ens5" }, "ens5"],
    ["ens5", { device: "", hwaddr: "MAC" }, "ens5"],
    ["ens5", { device: "", kernelpath: "/sys/devices/x" }, "ens5"],
    ["wan", { device: "eth0" }, "wan"],
    ["lie", { device: "ens5" }, null],
    ["ens5", { device: "", hwaddr: "0a:00:00:00:00:99" }, null],
    ["ens5", { device: "", pciBusID: NIC.pci }, null],
    ["not/a name", { device: "", kernelpath: "/sys/devices/x" }, null],
    ["", { device: "ens5" }, null],
  ];
  for (const [alias, selector, name] of aliases) {
    const { run, drift, host, container } = machineOf();
    const mac = host().links.ens5?.mac ?? "";
    drift(...takenByOther(alias));
    const config = { ...NET, ipam: IPAM, ...JSON.parse(JSON.stringify(selector).replace("MAC", mac)) };
    const interfaces = [{ name: "eth0", mac, sandbox: "/ns/c1" }];
    const ips = [{ address: "10.1.0.9/24", gateway: "10.1.0.1", interface: 0 }];
    const prevResult = { cniVersion: "1.1.0", interfaces, ips };
    done(await run("CHECK", { ...config, prevResult }));
    for (const _ of [1, 2]) done(await run("DEL", { ...config, prevResult }));
    const found = [container().links.eth0 === undefined, name === null ? null : host().links[name]?.up];
    assert.deepEqual(found, [name !== null, name === null ? null : false], JSON.stringify([alias, selector]));
  }
});

Deno.test("DEL of what another implementation took fails while the name is taken on the host", async () => {
  const { run, drift, container } = machineOf();
  drift(...takenByOther("ens5"), { op: "link.create", on: "host", name: "ens5", link: { kind: "dummy" } });
  const before = container();
  assert.match(failure(await run("DEL", NET)).msg, /"ens5".*EEXIST/);
  assert.deepEqual(container(), before);
});

Deno.test("CHECK of what another implementation took looks at all that its result says", async () => {
  const interfaces = [{ name: "eth0", mac: "0a:00:00:00:00:77", sandbox: "/ns/c1" }];
  const ips = [{ address: "10.1.0.8/24", interface: 0 }];
  const prevResult = { cniVersion: "1.1.0", interfaces, ips, routes: [{ dst: "10.9.0.0/16" }] };
  const { run, drift } = machineOf();
  const said = async () => {
    const { msg, details = "" } = failure(await run("CHECK", { ...NET, prevResult }));
    return `${msg}; ${details}`;
  };
  assert.match(await said(), /"eth0" in the container: expected it to exist, found none/);
  drift(...takenByOther("ens5"), { op: "link.set", on: "container", name: "eth0", set: { up: false } });
  assert.match(await said(), /MAC 0a:.*state up.*address 10.1.0.8\/24.*route 10.9.0.0\/16/);
});
