/**
 * Random scripts of kernel ops over both sides of an attachment, and the machine they run on. They change whatever undo
 * promises to restore; what it cannot restore is left out, and said here:
 *
 * - taking down a container link that was up: its routes, neighbours and IPv6 addresses go and nothing brings them back;
 *   so do the IPv6 addresses with `disable_ipv6` or an MTU below 1280;
 * - flags and PVID of VLANs that a container link had before;
 * - another MAC for a link that had permanent neighbours: they go with the old one;
 * - the MTU of a bridge, which no longer follows its ports once it was set;
 * - what is malformed, of which a process dies: its undo is refused as it would have been itself;
 * - 127.0.0.1, which stays when lo is taken down again, so lo is up from the start.
 */
import type { NftCommand } from "../../src/effects/kernel/nft.ts";
import type { KernelOp, LinkSettings, Side } from "../../src/effects/kernel/op.ts";
import type { Random } from "./spec_random.ts";

/** Table of nf_tables that both sides use. */
const TABLE = { family: "inet", table: "cleat" } as const;

const tables: readonly NftCommand[] = [
  { add: "table", ...TABLE },
  { add: "chain", ...TABLE, chain: "masq" },
  { add: "set", ...TABLE, set: "ports", key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] },
  { add: "set", ...TABLE, set: "owners", key: ["ipv4_addr"], value: "verdict" },
];

const pairTo = (near: string, far: string): KernelOp => ({
  op: "link.create",
  on: "host",
  name: near,
  link: { kind: "veth", peer: { on: "container", name: far } },
});

/** What somebody else made before: `net1` is in use, `net2` is down, the bridge `br0` is empty and down. */
export const BEFORE: readonly KernelOp[] = [
  { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" }, up: true },
  pairTo("veth0", "net1"),
  pairTo("veth00", "net2"),
  { op: "link.create", on: "container", name: "br0", link: { kind: "bridge" }, mac: "0a:58:0a:00:00:b0" },
  { op: "vlan.add", on: "container", name: "br0", vlans: [{ vid: 8 }] },
  { op: "link.set", on: "host", name: "veth0", set: { up: true, master: "cni0" } },
  { op: "link.set", on: "host", name: "veth00", set: { up: true } },
  { op: "link.set", on: "container", name: "lo", set: { up: true } },
  { op: "link.set", on: "container", name: "net1", set: { up: true, mtu: 1450, mac: "0a:58:0a:00:00:01" } },
  { op: "address.add", on: "container", link: "net1", address: "10.1.0.2/24" },
  { op: "address.add", on: "container", link: "net1", address: "fd01::2/64" },
  { op: "address.add", on: "container", link: "net2", address: "10.2.0.2/24" },
  { op: "route.add", on: "container", link: "net1", dst: "0.0.0.0/0", gw: "10.1.0.1" },
  { op: "route.add", on: "container", link: "net1", dst: "fd09::/64", gw: "fd01::1", metric: 7 },
  { op: "neighbour.add", on: "container", link: "net1", ip: "10.1.0.9", mac: "0a:58:0a:01:00:09" },
  { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "1000" },
  { op: "sysctl.write", on: "container", key: "net/ipv4/conf/net1/rp_filter", value: "2" },
  { op: "nft.apply", on: "host", commands: tables },
  { op: "nft.apply", on: "container", commands: tables },
  {
    op: "nft.apply",
    on: "host",
    commands: [{
      add: "element",
      ...TABLE,
      set: "ports",
      key: [{ protocol: "tcp" }, { port: 81 }],
      value: [{ ip: "10.1.0.99" }, { port: 8080 }],
      comment: "somebody else",
    }],
  },
];

type Make = (random: Random) => KernelOp;

const MACS = ["0a:58:0a:01:00:02", "0A:58:0A:01:00:03", "01:00:00:00:00:00"] as const;
const NAMES = {
  host: ["veth1", "veth2", "veth1", "cni0", "cni9", "veth0", "none"],
  container: ["eth0", "eth1", "net1", "net2", "net2", "br0", "none"],
} as const;

const sideOf = (random: Random): Side => random.pick(["host", "container", "container"]);

const place = (random: Random): { readonly on: Side; readonly link: string } => {
  const on = sideOf(random);
  return { on, link: random.pick(NAMES[on]) };
};

const some = (random: Random, settings: LinkSettings): LinkSettings =>
  Object.fromEntries(Object.entries(settings).filter(() => random.below(3) === 0));

const create: Make = (random) =>
  random.pick<() => KernelOp>([
    () => pairTo(random.pick(["veth1", "veth2", "veth1", "cni0"]), random.pick(["eth0", "eth1", "net1"])),
    () => ({ ...pairTo(random.pick(["veth1", "veth2"]), "eth0"), ...random.pick([{ mtu: 1400 }, { mac: MACS[0] }]) }),
    () => ({
      op: "link.create",
      on: random.pick(["host", "container"]),
      name: random.pick(["cni9", "br9"]),
      link: { kind: "bridge" },
      up: true,
    }),
    () => ({
      op: "link.create",
      on: "container",
      name: "mac0",
      link: { kind: "veth", peer: { on: random.pick(["host", "container"]), name: random.pick(["veth2", "mac1"]) } },
      master: random.pick(["br0", "net1", "none"]),
      up: true,
    }),
    () => ({
      op: "link.create",
      on: "container",
      name: random.pick(["tap0", "net1"]),
      link: { kind: "tap", owner: 7 },
    }),
    () => ({
      op: "link.create",
      on: "host",
      name: "vlan7",
      link: { kind: "veth", peer: { on: "host", name: "vlan8" } },
    }),
  ])();

const settings: Make = (random) => {
  const { on, link } = place(random);
  const mayGoDown = !["net1", "veth0", "veth00"].includes(link);
  return {
    op: "link.set",
    on,
    name: link,
    set: some(random, {
      up: mayGoDown ? random.below(3) > 0 : true,
      ...(link === "br0" ? {} : { mtu: random.pick([1300, 1400, 1500, 20]) }),
      ...(link === "net1" ? {} : { mac: random.pick(MACS) }),
      master: on === "host" ? random.pick(["cni0", "cni9", null]) : random.pick(["br0", null, "net1"]),
      promisc: random.below(2) === 0,
      allmulti: random.below(2) === 0,
      txQueueLen: random.pick([0, 5, 1000]),
    }),
  };
};

const portOrVlan: Make = (random) => {
  const { on, link: name } = place(random);
  const vlans = [{ vid: random.pick([5, 7, 7]), ...random.pick([{}, { untagged: true }]) }];
  return random.pick<KernelOp>([
    { op: "port.set", on, name, set: { hairpin: random.below(2) === 0 } },
    { op: "port.set", on, name, set: { isolated: true, hairpin: true } },
    { op: "vlan.add", on, name, vlans },
    { op: "vlan.add", on, name, vlans: [{ vid: 6, to: 8 }, { vid: 5 }] },
    { op: "vlan.delete", on, name, vlans },
  ]);
};

const ADDRESSES = [
  "10.1.0.3/24",
  "10.4.0.2/24",
  "10.2.0.9/32",
  "10.4.0.3/16",
  "fd01::3/64",
  "FD04::2/64",
  "fd04::9/48",
  "10.1.0.2/16",
] as const;

const address: Make = (random) => ({
  op: random.pick(["address.add", "address.add", "address.remove"]),
  ...place(random),
  address: random.pick(ADDRESSES),
});

const addedTwice: Make = (random) => ({
  op: "address.add",
  on: "container",
  link: "net1",
  address: random.pick(["10.1.0.2/24", "fd01::2/64", "fd01::2/80"]),
});

const route: Make = (random) => {
  const over = place(random);
  return random.pick<KernelOp>([
    {
      op: "route.add",
      ...over,
      dst: random.pick(["10.5.0.0/16", "10.6.0.0/16"]),
      gw: random.pick(["10.1.0.1", "10.4.0.1"]),
    },
    { op: "route.add", ...over, dst: "0.0.0.0/0", gw: "10.1.0.1", metric: random.pick([0, 5, 9]) },
    { op: "route.add", ...over, dst: random.pick(["fd01::/64", "fd05::7/64", "fd09::/64"]) },
    { op: "route.add", ...over, dst: "fd09::/64", gw: "fd01::1", metric: random.pick([0, 7, 8]) },
    { op: "route.add", ...over, dst: "10.5.0.0/16", table: 5000, mtu: 1300, scope: 253 },
    { op: "route.remove", ...over, dst: "10.5.0.0/16" },
  ]);
};

const neighbour: Make = (random) => ({
  op: random.pick(["neighbour.add", "neighbour.add", "neighbour.remove"]),
  ...place(random),
  ip: random.pick(["10.1.0.8", "fd01::8"]),
  mac: random.pick(MACS),
});

const neighbourAddedTwice: Make = () => ({
  op: "neighbour.add",
  on: "container",
  link: "net1",
  ip: "10.1.0.9",
  mac: MACS[0],
});

const sysctl: Make = (random) => {
  const { on, link } = place(random);
  const write = (key: string): KernelOp => ({
    op: "sysctl.write",
    on,
    key,
    value: random.pick(["0", "1", "2", "many"]),
  });
  return random.pick([
    write("net/core/somaxconn"),
    write("net/ipv4/no_such_key"),
    write(`net/ipv4/conf/${random.pick(["all", "default", link, link])}/${random.pick(["rp_filter", "forwarding"])}`),
    write("net/ipv4/ip_forward"),
    write(`net/ipv6/conf/${link === "net1" ? "net2" : link}/disable_ipv6`),
    write(`net/ipv6/neigh/${link}/ucast_solicit`),
  ]);
};

const nft: Make = (random) => {
  const ip = random.pick(["10.1.0.2", "10.1.0.3"]);
  const owner = { ...TABLE, set: "owners", key: [{ ip }], value: { verdict: "goto", chain: "masq" } } as const;
  const port = {
    ...TABLE,
    set: "ports",
    key: [{ protocol: "tcp" }, { port: random.pick([80, 81, 82]) }],
    value: [{ ip }, { port: 8080 }],
  } as const;
  const command = (): NftCommand =>
    random.pick<NftCommand>([
      { add: "element", ...owner },
      { add: "element", ...port, comment: "net/c1/eth0" },
      { remove: "element", ...port },
      { add: "chain", ...TABLE, chain: "more" },
      { add: "rule", ...TABLE, chain: random.pick(["more", "masq"]), exprs: [{ expr: "masquerade" }] },
    ]);
  return { op: "nft.apply", on: random.pick(["host", "container"]), commands: [command(), ...random.list(2, command)] };
};

const queue: Make = (random) => {
  const on = random.pick(["host", "host", "container"] as const);
  const at = { on, link: random.pick(on === "host" ? ["veth0", "veth1", "bwp1", "bwp1", "none"] : ["net1", "eth0"]) };
  const bucket = { rate: random.pick([1_000, 2_000]), burst: 1_514 };
  return random.pick<KernelOp>([
    { op: "link.create", on, name: "bwp1", link: { kind: "ifb" }, mtu: 1400, up: true },
    { op: "qdisc.add", ...at, parent: "root", handle: "1:", qdisc: { kind: "tbf", ...bucket, limit: 9_000 } },
    { op: "qdisc.add", ...at, parent: "root", handle: "1:", qdisc: { kind: "htb", fallback: "1:30" } },
    { op: "class.add", ...at, parent: "1:", class: "1:30", ...bucket },
    { op: "qdisc.add", ...at, parent: "1:30", handle: "30:", qdisc: { kind: "bfifo", limit: 9_000 } },
    { op: "qdisc.add", ...at, parent: "ingress", handle: "ffff:", qdisc: { kind: "ingress" } },
    { op: "filter.add", ...at, parent: "ffff:", priority: 1, protocol: "all", flow: "1:1", redirect: "bwp1" },
  ]);
};

const drop: Make = (random) =>
  random.pick<KernelOp>([
    { op: "link.delete", on: "host", name: random.pick(["veth1", "veth2"]) },
    { op: "link.delete", on: "container", name: "eth1" },
    { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 },
  ]);

const MAKERS = [
  create,
  create,
  settings,
  settings,
  settings,
  portOrVlan,
  address,
  address,
  addedTwice,
  route,
  route,
  neighbour,
  neighbourAddedTwice,
  sysctl,
  sysctl,
  nft,
  nft,
  queue,
  queue,
  drop,
] as const;

/** A script of up to 25 ops, as they come. */
export const script = (random: Random): KernelOp[] => {
  const op = () => random.pick<Make>(MAKERS)(random);
  return [create(random), op(), op(), ...random.list(22, op)];
};
