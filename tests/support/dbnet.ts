/** The network of the examples. */
import * as Effect from "effect/Effect";
import type { Attachment } from "../../src/runtime/attach.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";

/** The text of `examples/dbnet.conflist`. */
export const dbnetText: string = Deno.readTextFileSync(new URL("../../examples/dbnet.conflist", import.meta.url));

/** The list, parsed. */
export const dbnet = Effect.runSync(parseNetworkList(dbnetText, "dbnet.conflist"));

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
