/** Numbers of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h and if_bridge.h that several files use. */

/** Message types. */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
} as const;

/** Address families (linux/socket.h). */
export const AF = { UNSPEC: 0, INET: 2, BRIDGE: 7, INET6: 10 } as const;

/** Attributes of a link. */
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  TXQLEN: 13,
  OPERSTATE: 16,
  LINKINFO: 18,
  IFALIAS: 20,
  AF_SPEC: 26,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  PROMISCUITY: 30,
  LINK_NETNSID: 37,
  ALT_IFNAME: 53,
  PERM_ADDRESS: 54,
  PARENT_DEV_NAME: 56,
  PARENT_DEV_BUS_NAME: 57,
} as const;

/** Attributes inside IFLA_LINKINFO. */
export const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;

/** Attributes inside IFLA_INFO_DATA of a veth, of a bridge, and inside IFLA_INFO_SLAVE_DATA of a bridge port. */
export const VETH_INFO_PEER = 1;
export const IFLA_BR_VLAN_FILTERING = 7;
export const IFLA_BRPORT = { MODE: 4, ISOLATED: 33 } as const;

/** Attributes inside IFLA_INFO_DATA of links that stand on another one. */
export const IFLA_MACVLAN = { MODE: 1, BC_QUEUE_LEN: 7 } as const;
export const IFLA_IPVLAN = { MODE: 1, FLAGS: 2 } as const;
export const IFLA_VLAN = { ID: 1 } as const;

/** Attributes inside IFLA_INFO_DATA of a tun, and the type of one that carries Ethernet frames (linux/if_tun.h). */
export const IFLA_TUN = { OWNER: 1, GROUP: 2, TYPE: 3, MULTI_QUEUE: 7 } as const;
export const IFF_TAP = 2;

/** Attribute inside IFLA_INFO_DATA of a VRF. */
export const IFLA_VRF = { TABLE: 1 } as const;

/** Modes of macvlan, one bit each (enum macvlan_mode), and of ipvlan (enum ipvlan_mode: linux/if_link.h). */
export const MACVLAN_MODE = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export const IPVLAN_MODE = { l2: 0, l3: 1, l3s: 2 } as const;

/** Flags of a link (linux/if.h). */
export const IFF = { UP: 0x1, PROMISC: 0x100, ALLMULTI: 0x200 } as const;
