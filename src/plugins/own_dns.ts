/** Name service settings that a plugin's configuration has of its own. */
import type { Dns } from "../spec/result.ts";

/** Settings that are present at all replace those of IPAM as a whole, even by empty lists; null to keep what IPAM says. */
export const ownDns = (dns: Dns | undefined): Dns | null =>
  dns !== undefined && (dns.nameservers ?? dns.search ?? dns.options ?? (dns.domain || undefined)) !== undefined
    ? dns
    : null;
