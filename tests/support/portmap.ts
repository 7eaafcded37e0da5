/** portmap for containers of `10.1.0.0/24` and `fd00:1::/64`, for live tests. */
import * as Effect from "effect/Effect";
import { portmap } from "../../src/plugins/portmap.ts";
import { decodeConfig } from "../../src/spec/decode_config.ts";
import type { JsonObject } from "../../src/spec/json.ts";

/** The attachment of a container. */
export const keyOf = (containerId: string) => ({ network: "net1", containerId, ifName: "eth0" });

/** ADD for the container whose addresses end in `last`. */
export const portmapAdd = (containerId: string, last: number, raw: JsonObject) =>
  Effect.flatMap(decodeConfig(portmap.config, raw), (config) =>
    portmap.add({
      key: keyOf(containerId),
      netns: null,
      config,
      raw,
      cniVersion: "1.1.0",
      args: new Map(),
      prevResult: { cniVersion: "1.1.0", ips: [{ address: `10.1.0.${last}/24` }, { address: `fd00:1::${last}/64` }] },
    }));

/** Port 8080 of the host for port 80 of the container. */
export const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
/** A configuration with these mappings. */
export const mapped = (...portMappings: JsonObject[]): JsonObject => ({ runtimeConfig: { portMappings } });
