/**
 * The result of ADD as Cleat holds it inside: always the shape of spec 1.1.0 (section 5, "ADD Success").
 * `render_result.ts` and `parse_result.ts` convert from and to the other versions.
 */

/** An interface the attachment made: `sandbox` is the netns path of a container interface and absent on host interfaces. */
export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  /** MTU in bytes. */
  readonly mtu?: number;
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

/** An address: `address` with its prefix (`10.1.0.2/16`), `interface` an index into `interfaces`. */
export interface ResultIp {
  readonly address: string;
  readonly gateway?: string;
  readonly interface?: number;
}

/** A route: `dst` a prefix, `gw` the next hop, `mtu` and `advmss` in bytes, `priority` the metric, `scope` as in rtm_scope. */
export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/** Name service settings, as resolv.conf(5) knows them. */
export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** What ADD made (CNI spec 1.1.0, section 5). `cniVersion` is the version the result came in or will be printed in. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces?: readonly ResultInterface[];
  readonly ips?: readonly ResultIp[];
  readonly routes?: readonly ResultRoute[];
  readonly dns?: Dns;
}
