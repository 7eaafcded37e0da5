/** The configuration of portmap: keys as Go's plugin has them, and what they come to. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { NftExpr } from "../effects/kernel/nft.ts";
import { Flag, listOf } from "../spec/config_schema.ts";
import { formatIp, parseIp } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { type ConditionsKey, conditionSyntax, translateConditions } from "./portmap_conditions.ts";

const Mapping = described(
  Schema.Struct({
    hostPort: Schema.optionalKey(Schema.Int),
    containerPort: Schema.optionalKey(Schema.Int),
    protocol: Schema.optionalKey(Schema.String),
    hostIP: Schema.optionalKey(Schema.String),
  }),
  {
    hostPort: "port of the host, from 1 to 65535",
    containerPort: "port of the container, from 1 to 65535",
    protocol: "tcp, udp or sctp; tcp where it is left out",
    hostIP: "the only address of the host that leads to the container; all where it is left out",
  },
);

/**
 * Keys of portmap. `backend` chooses between iptables and nftables in Go's plugin; here both are served natively.
 * `markMasqBit` and `externalSetMarkChain` are accepted and checked without effect: no packet marks are needed.
 */
export const PortmapConfig = described(
  Schema.Struct({
    backend: Schema.optionalKey(Schema.String),
    snat: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true))),
    masqAll: Flag,
    markMasqBit: Schema.optionalKey(Schema.Int),
    externalSetMarkChain: Schema.optionalKey(Schema.String),
    conditionsV4: listOf(Schema.String),
    conditionsV6: listOf(Schema.String),
    runtimeConfig: Schema.optionalKey(
      described(Schema.Struct({ portMappings: listOf(Mapping) }), { portMappings: "host ports of the container" }),
    ),
  }),
  {
    backend: "iptables or nftables, accepted for configurations of other implementations: nf_tables serves both",
    snat: "masquerade what comes from the host itself and from the container to its own host port",
    masqAll: "masquerade everything that comes through a host port",
    markMasqBit: "checked and without effect: no mark is needed",
    externalSetMarkChain: "checked and without effect: no mark is needed",
    conditionsV4: "further matches of IPv4 packets to host ports, in the words of iptables or nft",
    conditionsV6: "further matches of IPv6 packets to host ports, in the words of iptables or nft",
  },
);

/** A decoded portmap configuration. */
export type PortmapConfig = typeof PortmapConfig.Type;

/** The transport protocols of host ports. */
const PROTOCOLS = ["tcp", "udp", "sctp"] as const;
type Protocol = typeof PROTOCOLS[number];

/** One host port. `hostIp` limits it to one address of the host; `families` are those it applies to. */
export interface PortMapping {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly hostIp: string | null;
  readonly families: readonly (4 | 6)[];
}

/** What a configuration comes to. */
export interface PortmapSettings {
  readonly snat: boolean;
  readonly masqAll: boolean;
  /** Extra matches of each family's host ports; empty for none. */
  readonly conditions: Readonly<Record<4 | 6, readonly NftExpr[]>>;
  readonly mappings: readonly PortMapping[];
}

const invalid = (msg: string, details?: string): Effect.Effect<never, Refused> =>
  Effect.fail(
    new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) }),
  );

/** Keys whose syntax belongs to the other backend than the one asked for. */
const foreignKeys = (config: PortmapConfig, backend: "iptables" | "nftables"): readonly string[] => {
  const foreign = (key: ConditionsKey) => config[key].length > 0 && conditionSyntax(config[key]) !== backend;
  return [
    ...(backend === "nftables" && config.externalSetMarkChain !== undefined ? ["externalSetMarkChain"] : []),
    ...(["conditionsV4", "conditionsV6"] as const).filter(foreign),
  ];
};

const checkBackend = ({ backend, ...config }: PortmapConfig): Effect.Effect<void, Refused> => {
  if (backend === undefined || backend === "") return Effect.void;
  if (backend !== "iptables" && backend !== "nftables") {
    return invalid(`Cannot use "backend": "${backend}" is not known`, `use "iptables", "nftables" or leave it out`);
  }
  const keys = foreignKeys(config, backend);
  if (keys.length === 0) return Effect.void;
  const msg = `Cannot use ${keys.map((key) => `"${key}"`).join(", ")}: not of the backend "${backend}"`;
  return invalid(msg, `leave "backend" out, or write the options for ${backend}`);
};

const checkMarks = ({ markMasqBit, externalSetMarkChain }: PortmapConfig): Effect.Effect<void, Refused> => {
  if (markMasqBit !== undefined && externalSetMarkChain !== undefined) {
    return invalid(`Cannot use "markMasqBit" and "externalSetMarkChain" together: they exclude each other`);
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > 31)) {
    return invalid(`Cannot use "markMasqBit": ${markMasqBit} is not a bit from 0 to 31`);
  }
  return Effect.void;
};

/** The families a host address belongs to, and the address itself where it is a certain one. */
const readHostIp = (where: string, text: string) => {
  if (text === "") return Effect.succeed({ hostIp: null, families: [4, 6] as const });
  const ip = parseIp(text);
  if (ip === null) return invalid(`Cannot use "${where}.hostIP": "${text}" is not an IP address`);
  return Effect.succeed({ hostIp: ip.value === 0n ? null : formatIp(ip), families: [ip.family] });
};

const readPort = (where: string, key: "hostPort" | "containerPort", port = 0) =>
  port >= 1 && port <= 65_535
    ? Effect.succeed(port)
    : invalid(`Cannot use "${where}.${key}": ${port} is not a port from 1 to 65535`);

const readMapping = Effect.fnUntraced(function* (mapping: typeof Mapping.Type, index: number) {
  const where = `runtimeConfig.portMappings[${index}]`;
  const containerPort = yield* readPort(where, "containerPort", mapping.containerPort);
  const hostPort = yield* readPort(where, "hostPort", mapping.hostPort);
  const text = (mapping.protocol ?? "").toLowerCase() || "tcp";
  const protocol = PROTOCOLS.find((known) => known === text);
  if (protocol === undefined) {
    return yield* invalid(`Cannot use "${where}.protocol": "${text}" is not tcp, udp or sctp`);
  }
  const found: PortMapping = {
    protocol,
    hostPort,
    containerPort,
    ...(yield* readHostIp(where, mapping.hostIP ?? "")),
  };
  return found;
});

/** `8080/tcp`, `192.0.2.1:8080/tcp`, `[2001:db8::1]:8080/tcp`, as people write host ports. */
export const describePort = (hostIp: string | null, port: number, protocol: string): string =>
  `${hostIp === null ? "" : `${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:`}${port}/${protocol}`;

/** One request must not ask for a host port twice: which of the two would get the connection? */
const checkDistinct = (mappings: readonly PortMapping[]): Effect.Effect<void, Refused> => {
  const seen = new Set<string>();
  for (const { protocol, hostPort, hostIp, families } of mappings) {
    for (const family of families) {
      const port = describePort(hostIp, hostPort, protocol);
      const slot = `IPv${family} ${port}`;
      if (seen.has(slot)) {
        return invalid(`Cannot use "runtimeConfig.portMappings": host port ${port} is mapped twice`);
      }
      seen.add(slot);
    }
  }
  return Effect.void;
};

/** Checks a configuration and says what it comes to. Ends with `Refused` (code 7) naming the key that is wrong. */
export const readPortmap = Effect.fnUntraced(function* (config: PortmapConfig) {
  yield* checkBackend(config);
  yield* checkMarks(config);
  const mappings = yield* Effect.forEach(config.runtimeConfig?.portMappings ?? [], readMapping);
  yield* checkDistinct(mappings);
  const conditions = {
    4: yield* translateConditions("conditionsV4", config.conditionsV4),
    6: yield* translateConditions("conditionsV6", config.conditionsV6),
  };
  const settings: PortmapSettings = { snat: config.snat, masqAll: config.masqAll, conditions, mappings };
  return settings;
});
