/** The host-device plugin on a simulated machine whose links are in use. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { hostDevice } from "../../src/plugins/host_device.ts";
import { MASTER, pluginMachine } from "./plugin_machine.ts";

/** The network, without IPAM. */
export const NET = { cniVersion: "1.1.0", name: "net1", type: "host-device", device: "ens5" } as const;
/** An address without chance. */
export const IPAM = { type: "static", addresses: [{ address: "10.1.0.9/24", gateway: "10.1.0.1" }] } as const;
/** A card on the PCI bus. */
export const NIC = { name: "nic0", pci: "0000:00:04.0", mac: "0a:00:00:00:00:04" } as const;

/** A machine whose link ens5 is in use, with addresses, a route, and settings of its own. */
export const machineOf = (...more: KernelOp[]) => {
  const made = pluginMachine(hostDevice, [
    ...MASTER,
    { op: "address.add", on: "host", link: "ens5", address: "fd00::7/64", noDad: true },
    { op: "route.add", on: "host", link: "ens5", dst: "fd09::/64", gw: "fd00::1" },
    { op: "link.set", on: "host", name: "ens5", set: { alias: "uplink", txQueueLen: 77 } },
    ...more,
  ]);
  made.machine.kernel.addDevice(NIC.name, `pci/${NIC.pci}`, NIC.mac);
  made.machine.files.set(`/sys/bus/pci/devices/${NIC.pci}/uevent`, "DRIVER=e1000\nPCI_CLASS=20000\n");
  return made;
};
