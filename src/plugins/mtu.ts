/** The MTU of virtual Ethernet devices. */

/** Largest MTU of a tap in bytes: its Ethernet header counts (ETH_HLEN; tun_net_initialize, drivers/net/tun.c). */
export const MAX_TAP_MTU = 65_521;

/** Smallest and largest MTU of such a device in bytes (ETH_MIN_MTU, ETH_MAX_MTU: linux/if_ether.h). */
const MIN_MTU = 68;
const MAX_MTU = 65_535;

/** Why `mtu` cannot be where `most` is the largest, or null; 0 and below mean the kernel's default. */
export const mtuProblem = (mtu: number, most = MAX_MTU): string | null =>
  mtu <= 0 || (mtu >= MIN_MTU && mtu <= most)
    ? null
    : `Cannot use "mtu": ${mtu} is not between ${MIN_MTU} and ${most}, nor 0 for the kernel's default`;
