import { bridge, type Case, drop, hostPair, MAC, NO_VLAN, PORT, set, testDrifts, VLAN } from "../../support/drift.ts";
import { pair, up } from "../../support/machine.ts";

const ETH0 = 'link "eth0" in the container';
const VETH1 = 'link "veth1" on the host';
const VETH9 = 'link "veth9" on the host';
const ETH9 = 'link "eth9" in the container';
const CNI9 = 'link "cni9" on the host';
const EXISTS = "expected it to exist, found none";
const PAIR9 = {
  op: "link.create",
  on: "host",
  name: "veth9",
  link: { kind: "veth", peer: { on: "container", name: "eth9" } },
} as const;

const CREATED: readonly Case[] = [
  ["a pair is gone", PAIR9, [drop("veth9")], `${VETH9}: ${EXISTS}`],
  ["a bridge is gone", bridge("cni9"), [drop("cni9")], `${CNI9}: ${EXISTS}`],
  [
    "a bridge bears the pair's name",
    PAIR9,
    [drop("veth9"), bridge("veth9")],
    `${VETH9}: expected kind veth, found bridge`,
  ],
  ["a pair's far end has another name", PAIR9, [drop("veth9"), pair("veth9", "eth7")], `${ETH9}: ${EXISTS}`],
  [
    "the far end is a bridge",
    PAIR9,
    [
      drop("veth9"),
      hostPair("veth9", "veth7"),
      { op: "link.create", on: "container", name: "eth9", link: { kind: "bridge" } },
    ],
    `${ETH9}: expected kind veth, found bridge`,
  ],
  [
    "the ends belong to other pairs",
    PAIR9,
    [drop("veth9"), pair("veth3", "eth9"), pair("veth9", "eth3")],
    `${VETH9}: expected peer ${ETH9}, found another link`,
  ],
  [
    "a port as created is in another bridge",
    { ...PAIR9, master: "cni0" },
    [set("veth9", { master: "cni1" })],
    `${VETH9}: expected master "cni0", found "cni1"`,
  ],
  [
    "a link created up is down",
    bridge("cni9", { up: true }),
    [set("cni9", { up: false })],
    `${CNI9}: expected state up, found down`,
  ],
  [
    "a bridge no longer filters VLANs",
    bridge("cni9", { vlanFiltering: true }),
    [drop("cni9"), bridge("cni9")],
    `${CNI9}: expected VLAN filtering on, found off`,
  ],
];

const CHANGED: readonly Case[] = [
  ["a link that was set is gone", set("eth0", { up: true }), [drop("veth1")], `${ETH0}: ${EXISTS}`],
  ["a link is down", set("eth0", { up: true }), [set("eth0", { up: false })], `${ETH0}: expected state up, found down`],
  ["a link is up", set("eth0", { up: false }), [up("container", "eth0")], `${ETH0}: expected state down, found up`],
  ["the MTU", set("eth0", { mtu: 1400 }), [set("eth0", { mtu: 1500 })], `${ETH0}: expected MTU 1400, found 1500`],
  [
    "the MAC",
    set("eth0", { mac: MAC.toUpperCase() }),
    [set("eth0", { mac: "0a:58:0a:01:00:03" })],
    `${ETH0}: expected MAC ${MAC}, found 0a:58:0a:01:00:03`,
  ],
  [
    "promiscuous mode of a port, which counts as promiscuous all the same",
    set("veth1", { promisc: true }),
    [set("veth1", { promisc: false })],
    `${VETH1}: expected promiscuous mode on, found off`,
  ],
  [
    "allmulti",
    set("eth0", { allmulti: true }),
    [set("eth0", { allmulti: false })],
    `${ETH0}: expected allmulti on, found off`,
  ],
  [
    "the transmit queue",
    set("eth0", { txQueueLen: 5 }),
    [set("eth0", { txQueueLen: 6 })],
    `${ETH0}: expected transmit queue length 5, found 6`,
  ],
  [
    "another master",
    set("veth1", { master: "cni0" }),
    [set("veth1", { master: "cni1" })],
    `${VETH1}: expected master "cni0", found "cni1"`,
  ],
  [
    "no master",
    set("veth1", { master: "cni0" }),
    [set("veth1", { master: null })],
    `${VETH1}: expected master "cni0", found none`,
  ],
  [
    "a master where there was none",
    set("veth1", { master: null }),
    [set("veth1", { master: "cni1" })],
    `${VETH1}: expected master none, found "cni1"`,
  ],
  [
    "hairpin mode",
    { ...PORT, set: { hairpin: true } },
    [{ ...PORT, set: { hairpin: false } }],
    `${VETH1}: expected hairpin mode on, found off`,
  ],
  [
    "isolation",
    { ...PORT, set: { isolated: true } },
    [{ ...PORT, set: { isolated: false } }],
    `${VETH1}: expected isolation on, found off`,
  ],
  [
    "a port that is none",
    { ...PORT, set: { hairpin: true } },
    [set("veth1", { master: null })],
    `${VETH1}: expected a bridge port, found no master`,
  ],
  ["a port that is gone", { ...PORT, set: { hairpin: true } }, [drop("veth1")], `${VETH1}: ${EXISTS}`],
  [
    "one VLAN of a range",
    { ...VLAN, vlans: [{ vid: 10, to: 12 }] },
    [{ ...NO_VLAN, vlans: [{ vid: 11 }] }],
    `${VETH1}: expected VLAN 11, found none`,
  ],
  [
    "another PVID",
    { ...VLAN, vlans: [{ vid: 7, pvid: true, untagged: true }] },
    [{ ...VLAN, vlans: [{ vid: 8, pvid: true }] }],
    `${VETH1}: expected VLAN 7 PVID untagged, found 7 untagged`,
  ],
];

testDrifts([...CREATED, ...CHANGED]);
