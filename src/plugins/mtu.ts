/** The MTU of virtual Ethernet devices. */

/** Smallest and largest MTU of such a device in bytes (ETH_MIN_MTU, ETH_MAX_MTU: linux/if_ether.h). */
const MIN_MTU = 68;
const MAX_MTU = 65_535;

/** Why `mtu` cannot be, or null; 0 and below mean the kernel's default. */
export const mtuProblem = (mtu: number): string | null =>
  mtu <= 0 || (mtu >= MIN_MTU && mtu <= MAX_MTU)
    ? null
    : `Cannot use "mtu": ${mtu} is not between ${MIN_MTU} and ${MAX_MTU}, nor 0 for the kernel's default`;
