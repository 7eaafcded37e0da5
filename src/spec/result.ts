/**
 * The result of ADD as Cleat holds it inside: always the shape of spec 1.1.0 (section 5, "ADD Success").
 * `render_result.ts` and `parse_result.ts` convert from and to the other versions.
 */

/** An interface the attachment made, or one on the host that it uses, such as its bridge. */
export interface ResultInterface {
  /** As the kernel knows it. */
  readonly name: string;
  /** MAC address, in hexadecimal with colons. */
  readonly mac?: string;
  /** MTU in bytes. */
  readonly mtu?: number;
  /** Path of the container's network namespace; absent on interfaces of the host. */
  readonly sandbox?: string;
  /** Path of the vhost-user socket, where the interface is one. */
  readonly socketPath?: string;
  /** PCI address, where the interface is a device. */
  readonly pciID?: string;
}

/** An address of the container. */
export interface ResultIp {
  /** With its prefix length: `10.1.0.2/16`. */
  readonly address: string;
  /** The subnet's gateway, without a prefix length. */
  readonly gateway?: string;
  /** Index into `interfaces` of the interface that has the address. */
  readonly interface?: number;
}

/** A route in the container. */
export interface ResultRoute {
  /** The prefix it leads to; `0.0.0.0/0` or `::/0` for the default route. */
  readonly dst: string;
  /** Next hop; without it, the gateway of the address of the same family. */
  readonly gw?: string;
  /** Path MTU in bytes (RTAX_MTU, linux/rtnetlink.h). */
  readonly mtu?: number;
  /** Maximal segment size offered to TCP peers, in bytes (RTAX_ADVMSS). */
  readonly advmss?: number;
  /** Metric; lower wins (RTA_PRIORITY). */
  readonly priority?: number;
  /** Number of the routing table (RTA_TABLE); 254, main, by default. */
  readonly table?: number;
  /** rtm_scope: 0 universe, 253 link, 254 host. */
  readonly scope?: number;
}

/** Name service settings, as resolv.conf(5) knows them. */
export interface Dns {
  /** Addresses of name servers, the preferred one first. */
  readonly nameservers?: readonly string[];
  /** The local domain. */
  readonly domain?: string;
  /** Domains to search for short names, the preferred one first. */
  readonly search?: readonly string[];
  /** Options of the resolver, such as `ndots:2`. */
  readonly options?: readonly string[];
}

/** What ADD made (CNI spec 1.1.0, section 5, "ADD Success"). */
export interface CniResult {
  /** The version the result came in or will be printed in. */
  readonly cniVersion: string;
  /** All interfaces made and used, those of the container and those of the host. */
  readonly interfaces?: readonly ResultInterface[];
  /** Addresses of the container. */
  readonly ips?: readonly ResultIp[];
  /** Routes in the container. */
  readonly routes?: readonly ResultRoute[];
  /** What the container's resolv.conf should say. */
  readonly dns?: Dns;
}
