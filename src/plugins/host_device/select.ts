/** Which device of the host a configuration means. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { HostDeviceConfig } from "./config.ts";

/** A way to name a device. */
export type Selector =
  | { readonly by: "device"; readonly name: string }
  | { readonly by: "hwaddr"; readonly mac: string }
  | { readonly by: "kernelpath"; readonly path: string }
  | { readonly by: "pciBusID" | "deviceID"; readonly id: string };

type OnBus = Extract<Selector, { readonly id: string }>;

/** What is there: a link, or a device that has none because a program outside the kernel drives it. */
export type Selected = { readonly link: Link } | { readonly driver: string };

/** Drivers that hand a device to a program outside the kernel, such as one with DPDK. */
const USER_DRIVERS: ReadonlySet<string> = new Set(["vfio-pci", "uio_pci_generic", "igb_uio"]);

/** Names on a bus; they become part of a path. */
const BUS_NAME = /^(?!\.+$)[\w.:-]+$/;

/** Below the folder of devices, and not out of it again. */
const DEVICE_PATH = /^\/sys\/devices\/(?!.*(^|\/)\.\.(\/|$))/;

const invalid = (msg: string, details?: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) });

/** The first that is given counts; of names on a bus, the one of the container before that of the network. */
const firstSelector = ({ device, hwaddr, kernelpath, pciBusID, runtimeConfig }: HostDeviceConfig): Selector | null => {
  if (device !== "") return { by: "device", name: device };
  if (hwaddr !== undefined) return { by: "hwaddr", mac: hwaddr };
  if (kernelpath !== "") return { by: "kernelpath", path: kernelpath.replace(/\/+$/, "") };
  if (runtimeConfig !== undefined && runtimeConfig.deviceID !== "") {
    return { by: "deviceID", id: runtimeConfig.deviceID };
  }
  return pciBusID === "" ? null : { by: "pciBusID", id: pciBusID };
};

/** Reads what the configuration names. Ends with `Refused` when that is nothing, or cannot be a device. */
export const selectorOf: (config: HostDeviceConfig) => Effect.Effect<Selector, Refused> = Effect.fnUntraced(
  function* (config) {
    const selector = firstSelector(config);
    if (selector === null) {
      return yield* invalid(
        'Cannot choose a device: the configuration has none of "device", "hwaddr", "kernelpath" and "pciBusID"',
        'name it by one of them, or let the runtime name it by the capability "deviceID"',
      );
    }
    if (selector.by === "kernelpath" && !DEVICE_PATH.test(selector.path)) {
      return yield* invalid(`Cannot use "kernelpath" "${selector.path}": it is no path below /sys/devices`);
    }
    if ("id" in selector && !BUS_NAME.test(selector.id)) {
      return yield* invalid(`Cannot use "${selector.by}" "${selector.id}": it is no name of a device on a bus`);
    }
    return selector;
  },
);

/**
 * Whether sysfs has the link below a device: it lists links in a folder of their device, and between a PCI device and its
 * link there may be one of the virtio bus. Indexes are compared because a link of another namespace may have the name.
 */
const isBelow = Effect.fnUntraced(function* (path: string, link: Link) {
  const { file } = yield* View;
  const [bus, name] = link.device?.split("/") ?? [];
  for (const folder of bus === "virtio" ? [path, `${path}/${name}`] : [path]) {
    if ((yield* file(`${folder}/net/${link.name}/ifindex`))?.trim() === `${link.index}`) return true;
  }
  return false;
});

/** The link of a device, by its path in sysfs, and by bus and name as the kernel says them; the first by name of several. */
const linkBelow = Effect.fnUntraced(function* (path: string, device?: string) {
  const { host } = yield* View;
  const links = (yield* host.links("host")).toSorted((a, b) => a.name < b.name ? -1 : 1);
  const told = device === undefined ? undefined : links.find((link) => link.device === device);
  if (told !== undefined) return told;
  for (const link of links) if (yield* isBelow(path, link)) return link;
  return null;
});

const pathOf = (bus: string, id: string): string => `/sys/bus/${bus}/devices/${id}`;

/** The driver of a device on a bus; "" for none, null where there is no such device. */
const driverOf = Effect.fnUntraced(function* (bus: string, id: string) {
  const { file } = yield* View;
  const text = yield* file(`${pathOf(bus, id)}/uevent`);
  return text === null ? null : /^DRIVER=(.*)$/m.exec(text)?.[1] ?? "";
});

const onBus = Effect.fnUntraced(function* ({ by, id }: OnBus) {
  const buses = by === "deviceID" ? ["pci", "auxiliary"] as const : ["pci"] as const;
  for (const bus of buses) {
    const driver = yield* driverOf(bus, id);
    if (driver === null) continue;
    if (bus === "pci" && USER_DRIVERS.has(driver)) return { driver };
    return yield* linkBelow(pathOf(bus, id), `${bus}/${id}`);
  }
  const where = buses.length === 1 ? "PCI bus" : "PCI and the auxiliary bus";
  return yield* invalid(`Cannot use "${by}" "${id}": there is no such device on the ${where} of this host`);
});

/** Links that stand on the device, and a bridge that it is a port of, often have its address, too. */
const linkOfMac = Effect.fnUntraced(function* (mac: string) {
  const { host } = yield* View;
  const same = (yield* host.links("host")).filter((link) => link.mac === mac);
  return same.find(({ over, kind }) => over === undefined && kind !== "bridge") ?? same[0] ?? null;
});

const find = Effect.fnUntraced(function* (selector: Selector) {
  switch (selector.by) {
    case "device":
      return yield* (yield* View).host.link("host", selector.name);
    case "hwaddr":
      return yield* linkOfMac(selector.mac);
    case "kernelpath":
      return yield* linkBelow(selector.path);
    case "pciBusID":
    case "deviceID":
      return yield* onBus(selector);
    default:
      return selector satisfies never;
  }
});

/** Finds the device. Ends with `Refused` when it is not on the host. */
export const selectDevice: (
  selector: Selector,
) => Effect.Effect<Selected, HostError | Refused, View> = Effect.fnUntraced(function* (selector) {
  const found = yield* find(selector);
  if (found !== null) return "driver" in found ? found : { link: found };
  const { by, ...named } = selector;
  return yield* invalid(
    `Cannot use "${by}" "${Object.values(named)[0]}": the host has no such link`,
    "another container may have it",
  );
});
