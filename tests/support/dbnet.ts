/** The network of the examples. */
import * as Effect from "effect/Effect";
import type { Attachment } from "../../src/runtime/attach.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";
import type { Lab } from "./lab.ts";

/** The text of `examples/dbnet.conflist`. */
export const dbnetText: string = Deno.readTextFileSync(new URL("../../examples/dbnet.conflist", import.meta.url));

/** The list, parsed. */
export const dbnet = Effect.runSync(parseNetworkList(dbnetText, "dbnet.conflist"));

/** The list as a gateway that masquerades, in this version, with its leases and backups in the lab. */
export const gatewayDbnet = ({ leases, folder }: Pick<Lab, "leases" | "folder">, cniVersion: string): string => {
  const list = JSON.parse(dbnetText);
  const [bridge, tuning] = list.plugins;
  Object.assign(bridge, { isGateway: true, ipMasq: true, ipam: { ...bridge.ipam, dataDir: leases } });
  Object.assign(tuning, { dataDir: `${folder}/tuning` });
  return JSON.stringify({ ...list, cniVersion });
};

/** A container in `/ns/<id>` that wants everything dbnet offers; its host ports are `port` (tcp) and `port + 1` (udp). */
export const container = (containerId: string, port: number): Attachment => ({
  containerId,
  netns: `/ns/${containerId}`,
  ifName: "eth0",
  capabilityArgs: {
    mac: `02:00:00:00:${port.toString(16).padStart(4, "0").replace(/^(..)/, "$1:")}`,
    portMappings: [
      { HostPort: port, ContainerPort: 80, Protocol: "tcp" },
      { hostPort: port + 1, containerPort: 53, protocol: "udp" },
    ],
  },
});
