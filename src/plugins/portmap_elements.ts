/** What portmap adds to nf_tables: an element per host port, and one per container address for masquerade. */
import * as Effect from "effect/Effect";
import type { NftCommand, NftElement, NftExpr } from "../effects/kernel/nft.ts";
import { addressOf, type Cidr, networkOf, toCidr } from "../spec/cidr.ts";
import { sha256Of } from "../spec/hash.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { CniResult } from "../spec/result.ts";
import { subnetChain } from "./masquerade.ts";
import type { Layout } from "./nft_elements.ts";
import { matchAddress, matchFamily, matchIifName } from "./nft_exprs.ts";
import { hostPortMaps, hostPortRules, NAT_SKELETON, NAT_TABLE } from "./nft_tables.ts";
import { describePort, type PortMapping, type PortmapSettings } from "./portmap_config.ts";

/** One address of the container with its prefix, and the mappings that apply to its family. */
export interface Target {
  readonly family: 4 | 6;
  readonly address: string;
  readonly mappings: readonly PortMapping[];
}

/** Loopback addresses of IPv4 (RFC 1122, 3.2.1.3). IPv6 has no `route_localnet`, so nothing comes from ::1. */
const LOOPBACK = toCidr("127.0.0.0/8");

/** NF_IP_PRI_RAW (linux/netfilter_ipv4.h): before connection tracking. */
const PRIORITY_RAW = -300;

/** Hex digits of a variant's hash: 48 bits, for a handful of variants on a host. */
const HASH_DIGITS = 12;

/**
 * The container's first IPv4 and first IPv6 address: of those that belong to no interface, to one the result does not
 * list, or to the attachment's own.
 */
export const targetsOf = (key: AttachmentKey, result: CniResult, mappings: readonly PortMapping[]): Target[] => {
  const addresses = (result.ips ?? []).flatMap(({ address, interface: index }) => {
    const link = index === undefined ? undefined : result.interfaces?.[index];
    return link === undefined || (link.name === key.ifName && link.sandbox) ? [address] : [];
  });
  return ([4, 6] as const).flatMap((family) => {
    const address = addresses.find((text) => toCidr(text).ip.family === family);
    const own = mappings.filter(({ families }) => families.includes(family));
    return address === undefined || own.length === 0 ? [] : [{ family, address, mappings: own }];
  });
};

/** Tells the maps of a family's conditions apart: empty without conditions, else a hash of what they mean. */
const variantSuffix = (exprs: readonly NftExpr[]): Effect.Effect<string> =>
  exprs.length === 0
    ? Effect.succeed("")
    : Effect.map(sha256Of(JSON.stringify(exprs)), (hash) => `-${hash.slice(0, HASH_DIGITS)}`);

/** Host ports that only packets matching the conditions may use: own maps, looked up before the common ones. */
const variantChain = (family: 4 | 6, exprs: readonly NftExpr[], suffix: string): readonly NftCommand[] => {
  const chain = `hostports${family}${suffix}`;
  return [
    { add: "chain", ...NAT_TABLE, chain, exclusive: true },
    ...hostPortMaps(family, suffix),
    ...hostPortRules(family, chain, suffix),
    {
      add: "rule",
      ...NAT_TABLE,
      chain: "conditions",
      exprs: [...matchFamily(family), ...exprs, { expr: "verdict", verdict: "jump", chain }],
    },
  ];
};

const portElement = (address: string, mapping: PortMapping, suffix: string): NftElement => {
  const { family } = toCidr(address).ip;
  const { protocol, hostPort, containerPort, hostIp } = mapping;
  return {
    ...NAT_TABLE,
    set: `${hostIp === null ? "hostports" : "hostips"}${family}${suffix}`,
    key: [...(hostIp === null ? [] : [{ ip: hostIp }]), { protocol }, { port: hostPort }],
    value: [{ ip: addressOf(address) }, { port: containerPort }],
  };
};

/** The chain of a container's masquerade: everything, or what comes from its subnet and the host's loopback. */
const snatChainName = (subnet: Cidr, all: boolean): string => all ? "snat-all" : subnetChain("snat", subnet);

/**
 * Connections that were sent to a host port and whose replies would otherwise not come back this way. Clients of the
 * container's whole subnet count: their replies would go to them directly, with an address they never asked. The look-up
 * sees every connection to the container whose destination was translated, by us or, say, by a service proxy.
 */
const snatChain = (subnet: Cidr, all: boolean): readonly NftCommand[] => {
  const chain = snatChainName(subnet, all);
  const { family } = subnet.ip;
  const from = (cidr: Cidr): readonly NftExpr[] => [...matchFamily(family), ...matchAddress("saddr", cidr)];
  const sources = all ? [[]] : [from(subnet), ...(family === 4 ? [from(LOOPBACK)] : [])];
  return [
    { add: "chain", ...NAT_TABLE, chain, exclusive: true },
    ...sources.map((exprs) =>
      ({ add: "rule", ...NAT_TABLE, chain, exprs: [...exprs, { expr: "masquerade" }] }) as const
    ),
  ];
};

/**
 * With `route_localnet` the kernel no longer drops packets to 127.0.0.0/8 that come in from outside, which would open
 * services of the host that listen on loopback only to the containers. This chain drops them again.
 */
const LOOPBACK_GUARD: readonly NftCommand[] = [
  {
    add: "chain",
    ...NAT_TABLE,
    chain: "loopback",
    exclusive: true,
    hook: { type: "filter", hook: "prerouting", priority: PRIORITY_RAW },
    comment: "127.0.0.0/8 from outside stays outside, also with route_localnet",
  },
  {
    add: "rule",
    ...NAT_TABLE,
    chain: "loopback",
    exprs: [
      ...matchIifName("lo", false, true),
      ...matchFamily(4),
      ...matchAddress("daddr", LOOPBACK),
      { expr: "verdict", verdict: "drop" },
    ],
  },
];

const snatElement = (address: string, all: boolean): NftElement => {
  const subnet = networkOf(address);
  return {
    ...NAT_TABLE,
    set: `snat${subnet.ip.family}`,
    key: [{ ip: addressOf(address) }],
    value: { verdict: "jump", chain: snatChainName(subnet, all) },
  };
};

/** Names an element the way people write host ports. */
const nameElement = ({ key }: NftElement): string => {
  const ip = key.flatMap((field) => "ip" in field ? [field.ip] : [])[0] ?? null;
  const port = key.flatMap((field) => "port" in field ? [field.port] : [])[0];
  const protocol = key.flatMap((field) => "protocol" in field ? [field.protocol] : [])[0];
  return port === undefined || protocol === undefined
    ? `masquerade of "${ip ?? ""}"`
    : `host port ${describePort(ip, port, protocol)}`;
};

/** The elements of all targets, in the order of the configuration, and what they need to be there. */
export const planElements = Effect.fnUntraced(function* (settings: PortmapSettings, targets: readonly Target[]) {
  const elements: NftElement[] = [];
  const chains: (readonly NftCommand[])[] = [];
  for (const { family, address, mappings } of targets) {
    const exprs = settings.conditions[family];
    const suffix = yield* variantSuffix(exprs);
    if (suffix !== "") chains.push(variantChain(family, exprs, suffix));
    elements.push(...mappings.map((mapping) => portElement(address, mapping, suffix)));
    if (!settings.snat) continue;
    if (family === 4) chains.push(LOOPBACK_GUARD);
    chains.push(snatChain(networkOf(address), settings.masqAll));
    elements.push(snatElement(address, settings.masqAll));
  }
  const layout: Layout = { skeleton: NAT_SKELETON, chains, name: nameElement };
  return { elements, layout };
});
