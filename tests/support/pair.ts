/** A host and a container of a test's own, with a veth between them. */
import { type OpenHost, openHost } from "./linux_host.ts";
import { type Netns, newNetns } from "./netns.ts";

/** The MAC address of the container's end. */
export const MAC = "0a:58:0a:01:00:05";

/** What `ip` says, as JSON. */
export const ip = (ns: Netns, command: string): Record<string, unknown>[] => JSON.parse(ns.must(`ip -j -d ${command}`));

/** "veth0" on the host is up, "eth0" in the container is not; both loopback links are. */
export interface Pair extends Disposable, OpenHost {
  readonly hostNs: Netns;
  readonly containerNs: Netns;
}

/** Makes both namespaces, and the veth unless it is not wanted. */
export function newPair(withVeth = true): Pair {
  const hostNs = newNetns({ lo: true });
  const containerNs = newNetns({ lo: true });
  const open = openHost(hostNs, { path: containerNs.path, allowOwn: false });
  const peer = { on: "container", name: "eth0", mac: MAC } as const;
  if (withVeth) open.apply({ op: "link.create", on: "host", name: "veth0", link: { kind: "veth", peer }, up: true });
  return {
    ...open,
    hostNs,
    containerNs,
    [Symbol.dispose]: () => {
      open[Symbol.dispose]();
      containerNs[Symbol.dispose]();
      hostNs[Symbol.dispose]();
    },
  };
}

/** Brings the container's end up. */
export const bringUp = ({ apply }: Pair): void =>
  void apply({ op: "link.set", on: "container", name: "eth0", set: { up: true } });
