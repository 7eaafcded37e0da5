/** Changing links: what one RTM_SETLINK does, and what follows from it. */
import { parseMac } from "../../../spec/mac.ts";
import { SCOPE_HOST } from "../../../spec/routing.ts";
import type { LinkSettings, PortSettings } from "../op.ts";
import { connect } from "./connected.ts";
import { detectsDuplicates, hasIpv6, ipv6Disabled, keepsAddresses } from "./ipv6_state.ts";
import { startIpv6, stopIpv6 } from "./ipv6.ts";
import { refuse } from "./refusal.ts";
import { ETHERNET_MTU, NO_MAC, portsOf, type SimAddress, type SimLink } from "./state.ts";

/** ETH_MIN_MTU and ETH_MAX_MTU (linux/if_ether.h), in bytes. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;
/** Of a tap, the largest with its Ethernet header: ETH_HLEN (tun_net_initialize, drivers/net/tun.c). */
const MAX_TAP_MTU = MAX_MTU - 14;

/** EINVAL when no Ethernet device can have this MTU; lo takes any. */
export const checkMtu = (mtu: number, kind: SimLink["kind"]): void => {
  if (kind === null || kind === "dummy" || kind === "ifb") return;
  if (mtu < MIN_MTU) refuse("EINVAL", "mtu less than device minimum");
  if (mtu > (kind === "tap" ? MAX_TAP_MTU : MAX_MTU)) refuse("EINVAL", "mtu greater than device maximum");
};

/** No more than the parent's: EINVAL of a macvlan, ERANGE of a vlan. */
const checkMtuOver = ({ kind, over }: SimLink, mtu: number): void => {
  if (over === null || mtu <= over.parent.mtu) return;
  if (kind === "macvlan") refuse("EINVAL");
  if (kind === "vlan") refuse("ERANGE");
};

/** The canonical MAC; EADDRNOTAVAIL for multicast addresses and zeros. */
export const checkMac = (mac: string): string => {
  const parsed = parseMac(mac) ?? refuse("EINVAL");
  const multicast = (parseInt(parsed.slice(0, 2), 16) & 1) === 1;
  return multicast || parsed === NO_MAC ? refuse("EADDRNOTAVAIL") : parsed;
};

const restartIpv6 = (link: SimLink): void => {
  for (const address of link.addresses) if (address.family === 6) connect(link, address);
  startIpv6(link);
};

/**
 * Sets the MTU; a bridge follows the smallest of its ports unless its own was chosen, an ipvlan its parent in any case
 * (ipvlan_adjust_mtu).
 */
export const applyMtu = (link: SimLink, mtu: number): void => {
  link.mtu = mtu;
  if (hasIpv6(link)) restartIpv6(link);
  else {
    stopIpv6(link);
    for (const key of [...link.sysctls.keys()]) if (key.startsWith("ipv6/")) link.sysctls.delete(key);
  }
  if (link.master !== null) followPorts(link.master);
  for (const upper of link.uppers) if (upper.kind === "ipvlan") applyMtu(upper, mtu);
};

/** With the MAC its neighbours go, permanent ones too (NETDEV_CHANGEADDR in net/ipv4/arp.c and net/ipv6/ndisc.c). */
const setMac = (link: SimLink, mac: string): void => {
  if (link.mac === mac) return;
  link.portsCounted = true;
  link.mac = mac;
  link.neighbours.clear();
};

/** What a bridge takes over from its ports (br_stp_recalculate_bridge_id, br_mtu_auto_adjust of net/bridge). */
export const followPorts = (bridge: SimLink): void => {
  if (bridge.kind !== "bridge") return;
  const ports = portsOf(bridge);
  if (!bridge.macChosen) setMac(bridge, ports.map(({ mac }) => mac).toSorted()[0] ?? NO_MAC);
  if (bridge.mtuChosen) return;
  const mtu = ports.length === 0 ? ETHERNET_MTU : Math.min(...ports.map((port) => port.mtu));
  if (mtu !== bridge.mtu) applyMtu(bridge, mtu);
};

/** A VRF takes everything but VRFs and lo (do_vrf_add_slave, drivers/net/vrf.c). */
const checkVrf = ({ kind, name }: Pick<SimLink, "kind" | "name">): void => {
  if (kind === "vrf") refuse("EINVAL", "Can not enslave an L3 master device to a VRF");
  if (name === "lo") refuse("EOPNOTSUPP");
};

/** EOPNOTSUPP unless the master is a bridge, ELOOP for a bridge in a bridge, EINVAL for lo. */
export const checkMaster = (link: Pick<SimLink, "kind" | "name">, master: SimLink): void => {
  if (master.kind === "vrf") return checkVrf(link);
  if (master.kind !== "bridge") refuse("EOPNOTSUPP");
  if (link.kind === "bridge") refuse("ELOOP", "Can not enslave a bridge to a bridge");
  if (link.name === "lo") refuse("EINVAL");
};

/** A link that is up goes down for a moment, so that all it has moves to the other table (cycle_netdev, drivers/net/vrf.c). */
const changeDomain = (link: SimLink, master: SimLink | null): void => {
  const { up } = link;
  applyUp(link, false);
  link.master = master;
  applyUp(link, up);
};

/** Takes a link out of its master, and puts it into another where one is given. */
export const applyMaster = (link: SimLink, master: SimLink | null): void => {
  const left = link.master;
  if (left === master) return;
  if ((master ?? left)?.kind === "vrf") return changeDomain(link, master);
  link.master = master;
  link.hairpin = link.isolated = false;
  link.vlans.clear();
  if (left !== null) followPorts(left);
  if (master === null) return;
  // IFLA_BR_VLAN_DEFAULT_PVID: a new port is in VLAN 1.
  link.vlans.set(1, { pvid: true, untagged: true });
  if (link.up) master.portsCounted = true;
  followPorts(master);
};

const wake = (link: SimLink): void => {
  link.up = true;
  if (link.name === "lo" && !link.addresses.some(({ ip, prefix }) => ip === "127.0.0.1" && prefix === 8)) {
    const loopback = {
      family: 4,
      ip: "127.0.0.1",
      prefix: 8,
      scope: SCOPE_HOST,
      noDad: true,
      noPrefixRoute: false,
      lifetime: null,
      tentative: false,
    } as const;
    link.addresses.unshift({ ...loopback, dadFailed: false });
  }
  for (const address of link.addresses) {
    if (address.family === 6) address.tentative = !address.noDad && detectsDuplicates(link);
    if (address.family === 4 || !ipv6Disabled(link)) connect(link, address);
  }
  if (link.master !== null) link.master.portsCounted = true;
};

const staysDown = (link: SimLink, { family, scope }: SimAddress): boolean =>
  family === 4 || (keepsAddresses(link) && scope === 0);

/** IPv4 addresses stay; routes, neighbours and (unless `keep_addr_on_down` says so) IPv6 addresses go. */
const sleep = (link: SimLink): void => {
  link.up = false;
  link.ipv6Started = false;
  link.addresses = link.addresses.filter((address) => staysDown(link, address));
  link.neighbours.clear();
  link.netns.routes = link.netns.routes.filter((route) => route.link !== link);
};

/** Sets a link up or down, and its vlans with it, whatever they were (vlan_device_event, net/8021q/vlan.c). */
export const applyUp = (link: SimLink, up: boolean): void => {
  if (up === link.up) return;
  if (up) wake(link);
  else sleep(link);
  for (const upper of link.uppers) if (upper.kind === "vlan") applyUp(upper, up);
};

const chooseMac = (link: SimLink, mac: string): void => {
  link.macChosen = true;
  setMac(link, mac);
  // Also where it is the MAC that the link has.
  link.neighbours.clear();
  if (link.master !== null) followPorts(link.master);
};

/** A port has left its bridge when another refuses it (do_set_master, net/core/rtnetlink.c). */
const changeMaster = (link: SimLink, master: SimLink | null): void => {
  if (link.master === master) return;
  applyMaster(link, null);
  if (master === null) return;
  checkMaster(link, master);
  applyMaster(link, master);
};

/**
 * Applies settings one after another, in the order in which the kernel does (do_setlink, net/core/rtnetlink.c): what is
 * refused leaves those before it in force. A missing master is found out before all of them.
 */
export const setLink = (link: SimLink, set: LinkSettings): void => {
  const master = typeof set.master === "string" ? link.netns.links.get(set.master) ?? refuse("ENODEV") : null;
  if (set.mac !== undefined) chooseMac(link, checkMac(set.mac));
  if (set.mtu !== undefined) {
    checkMtu(set.mtu, link.kind);
    checkMtuOver(link, set.mtu);
    link.mtuChosen = true;
    applyMtu(link, set.mtu);
  }
  if (set.promisc !== undefined) link.promisc = set.promisc;
  if (set.allmulti !== undefined) link.allmulti = set.allmulti;
  if (set.up !== undefined) applyUp(link, set.up);
  if (set.master !== undefined) changeMaster(link, master);
  if (set.txQueueLen !== undefined) link.txQueueLen = set.txQueueLen;
  if (set.alias !== undefined) link.alias = set.alias;
};

/** Sets flags of a bridge port; EOPNOTSUPP for a link that is none. */
export const setPort = (link: SimLink, set: PortSettings): void => {
  if (link.master?.kind !== "bridge") refuse("EOPNOTSUPP");
  if (set.hairpin !== undefined) link.hairpin = set.hairpin;
  if (set.isolated !== undefined) link.isolated = set.isolated;
};
