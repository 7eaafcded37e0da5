/** Plugins that see buses of a test's own: devices that this machine does not have. */
import type { Lab } from "./lab.ts";

/** A device on a bus, with its driver, and the link that it has. */
export interface FakeDevice {
  readonly bus: "pci" | "auxiliary";
  readonly id: string;
  readonly driver: string;
  /** A link of the lab's host. */
  readonly link?: string;
}

const indexOf = (lab: Lab, link: string): number => JSON.parse(lab.host.must(`ip -j link show ${link}`))[0].ifindex;

/** Makes, in the lab's folder, a plugin that runs `file` with only these devices below /sys/bus; answers its path. */
export function withDevices(lab: Lab, file: string, ...devices: readonly FakeDevice[]): string {
  const sys = `${lab.folder}/bus`;
  for (const { bus, id, driver, link } of devices) {
    const device = `${sys}/${bus}/devices/${id}`;
    Deno.mkdirSync(device, { recursive: true });
    Deno.mkdirSync(`${sys}/${bus}/drivers/${driver}`, { recursive: true });
    Deno.symlinkSync(`../../drivers/${driver}`, `${device}/driver`);
    Deno.writeTextFileSync(`${device}/uevent`, `DRIVER=${driver}\n`);
    if (link === undefined) continue;
    Deno.mkdirSync(`${device}/net/${link}`, { recursive: true });
    Deno.writeTextFileSync(`${device}/net/${link}/ifindex`, `${indexOf(lab, link)}\n`);
  }
  const path = `${lab.folder}/with-devices`;
  const script = `#!/bin/sh\nexec unshare -m sh -c 'mount --bind ${sys} /sys/bus && exec ${file}'\n`;
  Deno.writeTextFileSync(path, script, { mode: 0o755 });
  return path;
}
