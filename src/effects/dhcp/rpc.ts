/**
 * The calls between plugin and daemon, in the form of Go's net/rpc over HTTP: a line that asks for the protocol, its answer,
 * and gob in both directions. Go's `dhcp` understands `Allocate` and `Release`; `Leases` is our own.
 */
import { formatCidr, parseCidr } from "../../spec/cidr.ts";
import type { CniResult, Dns, ResultIp, ResultRoute } from "../../spec/result.ts";
import { type GobRecord, type GobValue, isRecord } from "./gob/encode.ts";
import { ipv4At, ipv4Bytes } from "./message.ts";

/** What a client says first, and what the server answers (Go's net/rpc, server.go). */
export const CONNECT = "CONNECT /_goRPC_ HTTP/1.0\n\n";
export const CONNECTED = "HTTP/1.0 200 Connected to Go RPC\n\n";

/** What can be asked for. */
export type RpcMethod = "DHCP.Allocate" | "DHCP.Release" | "DHCP.Leases";

/** What every call tells: the attachment, as the execution protocol carries it. */
export interface RpcArgs {
  /** CNI_CONTAINERID. */
  readonly containerId: string;
  /** CNI_NETNS. */
  readonly netns: string;
  /** CNI_IFNAME. */
  readonly ifName: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
  /** The request config, as JSON. */
  readonly stdin: string;
}

/** A lease that the daemon keeps. */
export interface HeldLease {
  /** CNI_CONTAINERID. */
  readonly containerId: string;
  /** CNI_IFNAME. */
  readonly ifName: string;
  /** With its prefix length. */
  readonly address: string;
}

/** What `Allocate` answers. */
export type DhcpGrant = Pick<CniResult, "routes" | "dns"> & {
  /** The address with its gateway. */
  readonly ips: readonly ResultIp[];
};

/** Go's `net.IPNet` of an IPv4 prefix. */
function ipNet(cidr: string): GobRecord {
  const { ip, prefix } = parseCidr(cidr) ?? { ip: null, prefix: 0 };
  if (ip?.family !== 4) throw new TypeError(`Cannot send "${cidr}": it is no IPv4 address with a prefix length`);
  const mask = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
  const [address = ""] = cidr.split("/");
  return { IP: ipv4Bytes(address), Mask: Uint8Array.of(mask >>> 24, mask >>> 16, mask >>> 8, mask) };
}

const optionalIp = (name: string, ip: string | undefined): GobRecord =>
  ip === undefined ? {} : { [name]: ipv4Bytes(ip) };

/** A grant as Go's result. Scope 0 cannot be told apart from none. */
export const grantRecord = ({ ips, routes = [], dns = {} }: DhcpGrant): GobRecord => ({
  IPs: ips.map(({ address, gateway }) => ({ Address: ipNet(address), ...optionalIp("Gateway", gateway) })),
  Routes: routes.map(({ dst, gw, priority, scope }) => ({
    Dst: ipNet(dst),
    ...optionalIp("GW", gw),
    Priority: priority,
    Scope: scope,
  })),
  DNS: { Nameservers: dns.nameservers, Domain: dns.domain, Search: dns.search },
});

/** The arguments of a call as Go's `CmdArgs`. */
export const argsRecord = ({ containerId, netns, ifName, args, path, stdin }: RpcArgs): GobRecord => ({
  ContainerID: containerId,
  Netns: netns,
  IfName: ifName,
  Args: args,
  Path: path,
  StdinData: new TextEncoder().encode(stdin),
});

/** The leases of an answer. */
export const leasesRecord = (leases: readonly HeldLease[]): GobRecord => ({
  Leases: leases.map(({ containerId, ifName, address }) => ({
    ContainerID: containerId,
    IfName: ifName,
    Address: address,
  })),
});

/** A value as a struct; what is none has no fields. */
export const recordIn = (value: GobValue | undefined): GobRecord => isRecord(value) ? value : {};

/** A field that is a text; empty where it was not sent. */
export const textIn = (record: GobRecord, name: string): string => {
  const value = record[name];
  return typeof value === "string" ? value : "";
};

/** A field that is a list. */
const listIn = (record: GobRecord, name: string): readonly GobValue[] => {
  const value = record[name];
  return Array.isArray(value) ? value : [];
};

const bytesIn = (record: GobRecord, name: string): Uint8Array => {
  const value = record[name];
  return value instanceof Uint8Array ? value : new Uint8Array();
};

/** Go writes an IPv4 address as 4 bytes, or as 16 of a mapped one. */
function ipIn(record: GobRecord, name: string): string | undefined {
  const bytes = bytesIn(record, name);
  return bytes.length === 4 ? ipv4At(bytes) : bytes.length === 16 ? ipv4At(bytes, 12) : undefined;
}

function cidrIn(record: GobRecord, name: string): string | null {
  const net = recordIn(record[name]);
  const ip = ipIn(net, "IP");
  const bits = [...bytesIn(net, "Mask").slice(-4)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const prefix = bits.replace(/0*$/, "").length;
  const cidr = ip === undefined ? null : parseCidr(`${ip}/${prefix}`);
  return cidr === null ? null : formatCidr(cidr);
}

const numberIn = (record: GobRecord, name: string): number | undefined => {
  const value = record[name];
  return typeof value === "number" ? value : undefined;
};

function routeIn(value: GobValue): readonly ResultRoute[] {
  const record = recordIn(value);
  const dst = cidrIn(record, "Dst");
  if (dst === null) return [];
  const gw = ipIn(record, "GW");
  const numbers = { mtu: "MTU", advmss: "AdvMSS", priority: "Priority", table: "Table", scope: "Scope" };
  const told = Object.entries(numbers).flatMap(([key, name]) => {
    const number = numberIn(record, name);
    return number === undefined ? [] : [[key, number] as const];
  });
  // Go names 0.0.0.0 as the router of what is on the link.
  return [{ dst, ...(gw === undefined || gw === "0.0.0.0" ? {} : { gw }), ...Object.fromEntries(told) }];
}

function ipConfigIn(value: GobValue): readonly ResultIp[] {
  const record = recordIn(value);
  const address = cidrIn(record, "Address");
  const gateway = ipIn(record, "Gateway");
  return address === null ? [] : [{ address, ...(gateway === undefined ? {} : { gateway }) }];
}

const textsIn = (record: GobRecord, name: string): readonly string[] =>
  listIn(record, name).filter((each) => typeof each === "string");

/** What Go's result grants; what is no IPv4 address is passed over. */
export function grantIn(record: GobRecord): DhcpGrant {
  const told = recordIn(record.DNS);
  const [nameservers, search, options] = ["Nameservers", "Search", "Options"].map((name) => textsIn(told, name));
  const domain = textIn(told, "Domain");
  const dns: Dns = {
    ...(nameservers?.length ? { nameservers } : {}),
    ...(domain === "" ? {} : { domain }),
    ...(search?.length ? { search } : {}),
    ...(options?.length ? { options } : {}),
  };
  return {
    ips: listIn(record, "IPs").flatMap(ipConfigIn),
    routes: listIn(record, "Routes").flatMap(routeIn),
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  };
}

/** The arguments of a call. */
export const argsIn = (record: GobRecord): RpcArgs => ({
  containerId: textIn(record, "ContainerID"),
  netns: textIn(record, "Netns"),
  ifName: textIn(record, "IfName"),
  args: textIn(record, "Args"),
  path: textIn(record, "Path"),
  stdin: new TextDecoder().decode(bytesIn(record, "StdinData")),
});

/** The leases of an answer. */
export const leasesIn = (record: GobRecord): readonly HeldLease[] =>
  listIn(record, "Leases").map((value) => {
    const lease = recordIn(value);
    return {
      containerId: textIn(lease, "ContainerID"),
      ifName: textIn(lease, "IfName"),
      address: textIn(lease, "Address"),
    };
  });
