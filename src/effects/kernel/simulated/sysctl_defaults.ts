/**
 * The keys below /proc/sys/net that the simulated kernel has, with the values of a fresh namespace (Linux 6.18,
 * Documentation/networking/ip-sysctl.rst). Enough of them for plugins and tests; a key that is not here does not exist.
 */

/** INT_MAX (linux/limits.h). */
const INT_MAX = 2_147_483_647;

/** Keys that belong to no link. */
const GLOBAL: Readonly<Record<string, string>> = {
  "net/core/somaxconn": "4096",
  "net/ipv4/icmp_echo_ignore_all": "0",
  "net/ipv4/icmp_echo_ignore_broadcasts": "1",
  "net/ipv4/ip_default_ttl": "64",
  "net/ipv4/ip_forward": "0",
  "net/ipv4/ip_local_port_range": "32768\t60999",
  "net/ipv4/ip_nonlocal_bind": "0",
  "net/ipv4/ip_unprivileged_port_start": "1024",
  "net/ipv4/ping_group_range": "1\t0",
  "net/ipv4/tcp_ecn": "2",
  "net/ipv4/tcp_fin_timeout": "60",
  "net/ipv4/tcp_keepalive_intvl": "75",
  "net/ipv4/tcp_keepalive_probes": "9",
  "net/ipv4/tcp_keepalive_time": "7200",
  "net/ipv4/tcp_mtu_probing": "0",
  "net/ipv4/tcp_rmem": "4096\t131072\t6291456",
  "net/ipv4/tcp_sack": "1",
  "net/ipv4/tcp_syncookies": "1",
  "net/ipv4/tcp_timestamps": "1",
  "net/ipv4/tcp_tw_reuse": "2",
  "net/ipv4/tcp_wmem": "4096\t16384\t4194304",
  "net/ipv6/bindv6only": "0",
  "net/ipv6/ip_nonlocal_bind": "0",
};

/** Keys that each link has, and `all` and `default`: `net/<family>/<folder>/<link>/<leaf>`. */
const PER_LINK: Readonly<Record<string, string>> = {
  "ipv4/conf/accept_local": "0",
  "ipv4/conf/accept_redirects": "1",
  "ipv4/conf/arp_accept": "0",
  "ipv4/conf/arp_announce": "0",
  "ipv4/conf/arp_filter": "0",
  "ipv4/conf/arp_ignore": "0",
  "ipv4/conf/arp_notify": "0",
  "ipv4/conf/forwarding": "0",
  "ipv4/conf/log_martians": "0",
  "ipv4/conf/promote_secondaries": "0",
  "ipv4/conf/proxy_arp": "0",
  "ipv4/conf/route_localnet": "0",
  "ipv4/conf/rp_filter": "0",
  "ipv4/conf/secure_redirects": "1",
  "ipv4/conf/send_redirects": "1",
  "ipv4/neigh/gc_stale_time": "60",
  "ipv4/neigh/ucast_solicit": "3",
  "ipv6/conf/accept_dad": "1",
  "ipv6/conf/accept_ra": "1",
  "ipv6/conf/accept_redirects": "1",
  "ipv6/conf/addr_gen_mode": "0",
  "ipv6/conf/autoconf": "1",
  "ipv6/conf/dad_transmits": "1",
  "ipv6/conf/disable_ipv6": "0",
  "ipv6/conf/enhanced_dad": "1",
  "ipv6/conf/forwarding": "0",
  "ipv6/conf/hop_limit": "64",
  "ipv6/conf/keep_addr_on_down": "0",
  "ipv6/conf/ndisc_notify": "0",
  "ipv6/conf/optimistic_dad": "0",
  "ipv6/conf/proxy_ndp": "0",
  "ipv6/neigh/gc_stale_time": "60",
  "ipv6/neigh/ucast_solicit": "3",
};

/** Smallest and largest value of keys that do not take every int (ipv4_table, addrconf_sysctl, netns_core_table). */
const LIMITS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  "net/core/somaxconn": [0, INT_MAX],
  "net/ipv4/ip_default_ttl": [1, 255],
  "net/ipv4/tcp_rmem": [1, INT_MAX],
  "net/ipv4/tcp_wmem": [1, INT_MAX],
  "ipv6/conf/addr_gen_mode": [0, 3],
  "ipv6/conf/hop_limit": [1, 255],
};

/** Whether a number fits the key that is stored under `leaf`. */
export const fits = (leaf: string, value: number): boolean => {
  const [least, most] = LIMITS[leaf] ?? [-INT_MAX - 1, INT_MAX];
  return least <= value && value <= most;
};

/** Whether the path is a folder of keys, with these links. */
export const isFolder = (path: string, links: Iterable<string>): boolean => {
  const names = ["all", "default", ...links];
  const perLink = Object.keys(PER_LINK).map((leaf) => leaf.split("/")).flatMap(([family, folder]) =>
    names.map((name) => `net/${family}/${folder}/${name}/`)
  );
  return [...Object.keys(GLOBAL), ...perLink].some((key) => key.startsWith(`${path}/`));
};

/** A key in parts; `link` is null for a key that belongs to no link, `all` and `default` count as links. */
export interface SysctlKey {
  readonly link: string | null;
  /** What the key is stored under: the key itself, or `ipv4/conf/arp_notify` for a link's. */
  readonly leaf: string;
  readonly fallback: string;
}

/** Takes a key apart; null when the kernel has none of that name on any link. */
export const parseKey = (key: string): SysctlKey | null => {
  const global = Object.hasOwn(GLOBAL, key) ? GLOBAL[key] : undefined;
  if (global !== undefined) return { link: null, leaf: key, fallback: global };
  const [net, family, folder, link, name, ...more] = key.split("/");
  if (net !== "net" || link === undefined || more.length > 0) return null;
  const leaf = `${family}/${folder}/${name}`;
  const fallback = Object.hasOwn(PER_LINK, leaf) ? PER_LINK[leaf] : undefined;
  if (fallback === undefined || (folder === "neigh" && link === "all")) return null;
  // devconf_all of IPv6 asks for no duplicate address detection of its own (ipv6_devconf, net/ipv6/addrconf.c).
  return { link, leaf, fallback: leaf === "ipv6/conf/accept_dad" && link === "all" ? "0" : fallback };
};

/** What a new link takes over from `default`: the keys that were changed there. */
export const sysctlDefaults = (values: ReadonlyMap<string, string>): Map<string, string> => {
  const inherited = new Map<string, string>();
  for (const [key, value] of values) {
    const parsed = parseKey(key);
    if (parsed?.link === "default" && value !== parsed.fallback) inherited.set(parsed.leaf, value);
  }
  return inherited;
};
