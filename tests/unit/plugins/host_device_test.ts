/** The host-device plugin on a simulated machine: which device, and what becomes of it. Numbers are those of its scenarios. */
import assert from "node:assert/strict";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { atLeast } from "../../../src/spec/version.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { IPAM, machineOf, NET, NIC } from "../../support/host_device_machine.ts";
import { withPrev } from "../../support/plugin_machine.ts";

for (const version of VERSIONS) {
  Deno.test(`[HD4] ${version}: ADD, CHECK and DEL with an address`, async () => {
    const { run, container, host, state } = machineOf();
    const before = state();
    const mac = host().links.ens5?.mac;
    const config = { ...NET, cniVersion: version, ipam: { ...IPAM, routes: [{ dst: "0.0.0.0/0" }] } };
    const made = result(await run("ADD", config));
    assert.deepEqual(made.interfaces, [{ name: "eth0", mac, sandbox: "/ns/c1" }]);
    assert.deepEqual(made.ips, [{ address: "10.1.0.9/24", gateway: "10.1.0.1", interface: 0 }]);
    const link = container().links.eth0;
    assert.deepEqual([link?.mac, link?.mtu, link?.up, link?.alias], [mac, 1450, true, "ens5"]);
    assert.deepEqual(link?.addresses.map(({ address }) => address).filter((each) => !/^fe80/.test(each)), [
      "10.1.0.9/24",
    ]);
    assert.equal(host().links.ens5, undefined);
    if (atLeast(version, "0.4.0")) done(await run("CHECK", withPrev(config, made)));
    for (const _ of [1, 2]) done(await run("DEL", config));
    assert.deepEqual(state(), before);
  });

  Deno.test(`[HD1] ${version}: without IPAM, where a result can say so`, async () => {
    const { run, container, host, state } = machineOf();
    const before = state();
    const config = { ...NET, cniVersion: version };
    if (!atLeast(version, "0.3.0")) {
      assert.match(failure(await run("ADD", config)).msg, /without "ipam"/);
      assert.deepEqual(state(), before);
      return;
    }
    const made = result(await run("ADD", config));
    assert.deepEqual([made.ips, container().links.eth0?.up, host().links.ens5], [undefined, true, undefined]);
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  });
}

Deno.test("[HD2] DEL while the name is taken on the host fails and leaves the container its link; later it succeeds", async () => {
  const { run, drift, container, state } = machineOf();
  const before = state();
  result(await run("ADD", { ...NET, ipam: IPAM }));
  drift({ op: "link.create", on: "host", name: "ens5", link: { kind: "dummy" } });
  const inside = container();
  for (const _ of [1, 2]) assert.match(failure(await run("DEL", { ...NET, ipam: IPAM })).msg, /"ens5".*EEXIST/);
  assert.deepEqual(container(), inside);
  drift({ op: "link.delete", on: "host", name: "ens5" });
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual(state(), before);
});

Deno.test("[HD3] a device of a user space driver is not moved: the result has the addresses, and no MAC", async () => {
  for (const selector of [{ pciBusID: "0000:00:05.0" }, { runtimeConfig: { deviceID: "0000:00:05.0" } }]) {
    for (const driver of ["vfio-pci", "uio_pci_generic", "igb_uio"]) {
      const { run, machine, ops, state } = machineOf();
      machine.files.set("/sys/bus/pci/devices/0000:00:05.0/uevent", `PCI_CLASS=20000\nDRIVER=${driver}\nX=1\n`);
      const before = state();
      const config = { ...NET, device: "", ...selector, ipam: IPAM };
      const made = result(await run("ADD", config));
      assert.deepEqual(made.interfaces, [{ name: "eth0", sandbox: "/ns/c1" }]);
      assert.deepEqual(made.ips, [{ address: "10.1.0.9/24", gateway: "10.1.0.1", interface: 0 }]);
      done(await run("CHECK", withPrev(config, made)));
      done(await run("DEL", config));
      assert.deepEqual([ops, state()], [[], before]);
      const bare = { ...config, ipam: {} };
      assert.deepEqual(result(await run("ADD", bare)).ips, undefined);
      done(await run("DEL", bare));
    }
  }
});

Deno.test("[HD5] a configuration that names no device is refused, before there is a container", async () => {
  const { run, state } = machineOf();
  const before = state();
  const config = { ...NET, device: "", hwaddr: "" };
  const { code, msg } = failure(await run("ADD", config));
  assert.deepEqual([code, msg], [
    7,
    'Cannot choose a device: the configuration has none of "device", "hwaddr", "kernelpath" and "pciBusID"',
  ]);
  done(await run("DEL", config));
  assert.deepEqual(state(), before);
});

Deno.test("[HD6] a device of the auxiliary bus is found by the name that the runtime gives, also where sysfs alone knows it", async () => {
  for (const device of ["auxiliary/mlx5_core.sf.4", "other/bus"]) {
    const { run, machine, container, state } = machineOf();
    machine.kernel.addDevice("en8f0", device, "0a:00:00:00:00:08");
    const before = state();
    const path = "/sys/bus/auxiliary/devices/mlx5_core.sf.4";
    machine.files.set(`${path}/uevent`, "DRIVER=mlx5_core.sf\n");
    if (device === "other/bus") machine.files.set(`${path}/net/en8f0/ifindex`, "5\n");
    const config = { ...NET, device: "", pciBusID: NIC.pci, runtimeConfig: { deviceID: "mlx5_core.sf.4" } };
    assert.equal(result(await run("ADD", config)).interfaces?.[0]?.mac, "0a:00:00:00:00:08");
    assert.equal(container().links.eth0?.alias, "en8f0");
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  }
});

Deno.test("[HD7] a stranger in the container with the link's name stays as it is", async () => {
  const { run, container, state } = machineOf(
    { op: "link.create", on: "container", name: "ens5", link: { kind: "dummy" }, up: true },
  );
  const [before, stranger] = [state(), container().links.ens5];
  const key = { network: "net1", containerId: "c1", ifName: "net1" };
  const made = result(await run("ADD", NET, { key }));
  assert.deepEqual([made.interfaces?.[0]?.name, container().links.net1?.up], ["net1", true]);
  assert.deepEqual(container().links.ens5, stranger);
  done(await run("DEL", NET, { key }));
  assert.deepEqual(state(), before);
});

Deno.test("each way to name a device finds it, and the first that is given counts", async () => {
  const sys = "/sys/devices/pci0000:00/0000:00:04.0";
  const ways: readonly (readonly [object, string])[] = [
    [{ hwaddr: NIC.mac.toUpperCase() }, "nic0"],
    [{ kernelpath: `${sys}/` }, "nic0"],
    [{ pciBusID: NIC.pci }, "nic0"],
    [{ runtimeConfig: { deviceID: NIC.pci } }, "nic0"],
    [{ pciBusID: "0000:00:06.0", runtimeConfig: { deviceID: NIC.pci } }, "nic0"],
    [{ pciBusID: "0000:00:06.0" }, "vio0"],
    [{ device: "ens5", hwaddr: NIC.mac }, "ens5"],
    [{ hwaddr: NIC.mac, pciBusID: "0000:00:06.0" }, "nic0"],
  ];
  for (const [selector, name] of ways) {
    const { run, machine, host, container, state } = machineOf();
    machine.kernel.addDevice("vio0", "virtio/virtio3", "0a:00:00:00:00:06");
    machine.files.set(`${sys}/net/nic0/ifindex`, "4\n");
    machine.files.set("/sys/bus/pci/devices/0000:00:06.0/uevent", "DRIVER=virtio-pci\n");
    machine.files.set("/sys/bus/pci/devices/0000:00:06.0/virtio3/net/vio0/ifindex", "5\n");
    const before = state();
    const config = { ...NET, device: "", ...selector };
    result(await run("ADD", config));
    assert.deepEqual([container().links.eth0?.alias, host().links[name]], [name, undefined], JSON.stringify(selector));
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  }
});

Deno.test("an address that a macvlan and a bridge have, too, means the device below them", async () => {
  const mac = "02:00:00:00:00:55";
  const { run, container } = machineOf(
    { op: "link.create", on: "host", name: "br9", link: { kind: "bridge" }, mac },
    {
      op: "link.create",
      on: "host",
      name: "mv9",
      link: { kind: "macvlan", mode: "bridge", parent: { on: "host", name: "ens5" } },
      mac,
    },
    { op: "link.create", on: "host", name: "d9", link: { kind: "dummy" }, mac },
  );
  result(await run("ADD", { ...NET, device: "", hwaddr: mac }));
  assert.equal(container().links.eth0?.alias, "d9");
});

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["a link that is not there", { device: "ens9" }, /"device" "ens9": the host has no such link/],
  ["an address that no link has", { device: "", hwaddr: "0a:00:00:00:00:99" }, /"hwaddr" "0a:00:00:00:00:99"/],
  ["an address that is none", { device: "", hwaddr: "0a:00" }, /hwaddr/],
  ["a path elsewhere", { device: "", kernelpath: "/sys/class/net/ens5" }, /no path below \/sys\/devices/],
  ["a path that leads elsewhere", { device: "", kernelpath: "/sys/devices/../../etc" }, /no path below \/sys\/devices/],
  ["a path without a link", { device: "", kernelpath: "/sys/devices/pci0000:00" }, /"kernelpath" .* no such link/],
  ["a PCI device that is not there", { device: "", pciBusID: "0000:00:09.0" }, /no such device on the PCI bus/],
  ["a name with a slash", { device: "", pciBusID: "../auxiliary/x" }, /no name of a device on a bus/],
  ["a name of dots", { device: "", runtimeConfig: { deviceID: ".." } }, /no name of a device on a bus/],
  ["a device on no bus", { device: "", runtimeConfig: { deviceID: "mlx5" } }, /PCI and the auxiliary bus/],
  ["an auxiliary device of the network", { device: "", pciBusID: "mlx5_core.sf.4" }, /no such device on the PCI bus/],
  ["lo", { device: "lo" }, /lo.*EINVAL/],
  ["a bridge", { device: "br9" }, /br9.*EINVAL/],
  ["IPAM that is not there", { ipam: { type: "no-such-ipam" } }, /no-such-ipam/],
];

for (const [what, wrong, says] of REFUSED) {
  Deno.test(`${what}: ADD is refused and the host keeps everything`, async () => {
    const { run, machine, ops, state } = machineOf({
      op: "link.create",
      on: "host",
      name: "br9",
      link: { kind: "bridge" },
    });
    machine.files.set("/sys/bus/auxiliary/devices/mlx5_core.sf.4/uevent", "DRIVER=mlx5_core.sf\n");
    const before = state();
    assert.match(failure(await run("ADD", { ...NET, ...wrong })).msg, says);
    done(await run("DEL", { ...NET, ...wrong }));
    assert.deepEqual([ops, state()], [[], before]);
  });
}

Deno.test("a key that only looks like one, such as dpdkmode, changes nothing", async () => {
  const { run, container } = machineOf();
  result(await run("ADD", { ...NET, dpdkmode: true }));
  assert.equal(container().links.eth0?.alias, "ens5");
});

Deno.test("a name that is taken in the container is refused before the host misses its link, and the stranger stays", async () => {
  const { run, ops, state } = machineOf({ op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } });
  const before = state();
  const { code, msg } = failure(await run("ADD", { ...NET, ipam: IPAM }));
  assert.deepEqual([code, /"ens5" to "eth0" in the container: .* kind "dummy"/.test(msg)], [102, true], msg);
  done(await run("DEL", { ...NET, ipam: IPAM }));
  assert.deepEqual([ops, state()], [[], before]);
});

Deno.test("a second container is told that the link is not on the host", async () => {
  const { run, machine } = machineOf();
  machine.kernel.addNetns("/ns/c2");
  result(await run("ADD", NET));
  const other = { key: { network: "net1", containerId: "c2", ifName: "eth0" }, netns: "/ns/c2" };
  const { msg, details } = failure(await run("ADD", NET, other));
  assert.deepEqual([msg, details], [
    'Cannot use "device" "ens5": the host has no such link',
    "another container may have it",
  ]);
});
