/** Numbers of linux/rtnetlink.h, pkt_sched.h, pkt_cls.h and tc_act/tc_mirred.h. */

/** Message types. */
export const RTM_TC = {
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTCLASS: 40,
  GETTCLASS: 42,
  NEWTFILTER: 44,
  GETTFILTER: 46,
} as const;

/** Attributes of all of these messages. */
export const TCA = { KIND: 1, OPTIONS: 2 } as const;

/** Attributes inside TCA_OPTIONS, by kind. */
export const TCA_TBF = { PARMS: 1, RATE64: 4 } as const;
export const TCA_HTB = { PARMS: 1, INIT: 2, DIRECT_QLEN: 5, RATE64: 6, CEIL64: 7 } as const;
export const TCA_U32 = { CLASSID: 1, SEL: 5, ACT: 7 } as const;

/** Attributes of an action, and of what mirred does. */
export const TCA_ACT = { KIND: 1, OPTIONS: 2 } as const;
export const TCA_MIRRED_PARMS = 2;

/** Protocols of frames (linux/if_ether.h). */
export const ETH_P = { all: 0x0003, ip: 0x0800, ipv6: 0x86dd } as const;
