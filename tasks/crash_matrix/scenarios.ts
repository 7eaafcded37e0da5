/** What is tried: every plugin with something of everything, and the chain of the examples. */
import { RUNTIME } from "../../tests/support/dying_call.ts";
import type { World } from "../../tests/support/dying_world.ts";
import type { JsonObject } from "../../src/spec/json.ts";

/** One plugin, or the runtime, with a configuration. */
export interface Scenario {
  readonly name: string;
  /** A type, or `RUNTIME`. */
  readonly plugin: string;
  /** Run in the host before everything else, with `$CONTAINER` as the other namespace, and `$DIR` as a folder. */
  readonly prepare: string;
  /** The request config; the list, for the runtime. */
  readonly config: (world: World) => JsonObject;
  /** The least that a DEL may come with. */
  readonly bare: JsonObject;
  /** The plugins of a chain, each as it would be executed by another runtime; none for a plugin alone. */
  readonly members?: (world: World) => readonly JsonObject[];
  readonly capabilityArgs?: JsonObject;
  /** CNI_PATH. */
  readonly path?: (world: World) => string;
  /** Run in the host, with `$CONTAINER`: makes what is attached differ from what ADD made, for CHECK to find. */
  readonly spoil: string;
}

const VERSION = "1.1.0";
const NAME = "crashnet";

const PORTS = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8053, containerPort: 53, protocol: "udp" },
];

/** A link for plugins that come after the one which made it. */
const linked = `
ip link add pre0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns $CONTAINER
ip address add 10.77.0.1/24 dev pre0
ip link set pre0 up
nsenter --net=$CONTAINER sh -c 'ip address add 10.77.0.2/24 dev eth0; ip link set eth0 up'`;

const prevResult: JsonObject = {
  cniVersion: VERSION,
  interfaces: [{ name: "pre0" }, { name: "eth0", sandbox: "/run/netns/c1", mac: "02:00:00:00:00:02" }],
  ips: [{ address: "10.77.0.2/24", gateway: "10.77.0.1", interface: 1 }],
};

const hostLocal = ({ folder }: Pick<World, "folder">, ...subnets: readonly string[]): JsonObject => ({
  type: "host-local",
  dataDir: `${folder}/leases`,
  ranges: subnets.map((subnet) => [{ subnet }]),
});

const bridge = (ipam: JsonObject): JsonObject => ({
  cniVersion: VERSION,
  name: NAME,
  type: "bridge",
  bridge: "br8",
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  mtu: 1400,
  ipam,
});

const SUBNETS = ["10.8.0.0/24", "fd08::/64"] as const;

const tuning = ({ folder }: World): JsonObject => ({
  type: "tuning",
  dataDir: `${folder}/tuning`,
  mtu: 1300,
  txQLen: 500,
  sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.all.log_martians": "1" },
});

const bareOf = (type: string): JsonObject => ({ cniVersion: VERSION, name: NAME, type });

const alone = (type: string) => ({ name: type, plugin: type, bare: bareOf(type) });

const portmap: JsonObject = {
  ...bareOf("portmap"),
  capabilities: { portMappings: true },
  snat: true,
  runtimeConfig: { portMappings: PORTS },
  prevResult,
};

const firewall: JsonObject = { ...bareOf("firewall"), ingressPolicy: "same-bridge", backend: "iptables", prevResult };

const bandwidth: JsonObject = {
  ...bareOf("bandwidth"),
  ingressRate: 8_000_000,
  ingressBurst: 800_000,
  egressRate: 16_000_000,
  egressBurst: 400_000,
  unshapedSubnets: ["10.77.1.0/24"],
  prevResult,
};

/** An IPAM plugin that is not ours: it answers always the same, and keeps a file for each container. */
const FOREIGN_IPAM = `
mkdir -p $DIR/cni
cat > $DIR/cni/foreign-ipam <<'END'
#!/bin/sh
cat > /dev/null
held=\${0%/*}/held
case $CNI_COMMAND in
ADD) mkdir -p $held; : > $held/$CNI_CONTAINERID
  echo '{"cniVersion":"1.1.0","ips":[{"address":"10.8.0.2/24","gateway":"10.8.0.1"}]}' ;;
DEL) rm -rf $held/$CNI_CONTAINERID ;;
GC) rm -rf $held/* ;;
VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}' ;;
esac
END
chmod 755 $DIR/cni/foreign-ipam`;

/** A link that the host uses. */
const WIRED = `
ip link add dev0 address 02:00:00:00:00:31 mtu 1450 type veth peer name wire0 address 02:00:00:00:00:32
ip link set dev0 alias uplink
ip link set wire0 up
ip link set dev0 up
ip address add 10.88.0.1/24 brd + dev dev0
ip route add 10.89.0.0/16 via 10.88.0.2`;

const dbnetPlugins = (world: World): readonly JsonObject[] => [
  {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipMasq: true,
    ipam: { ...hostLocal(world, "10.1.0.0/16"), routes: [{ dst: "0.0.0.0/0" }] },
    dns: { nameservers: ["10.1.0.1"] },
  },
  {
    type: "tuning",
    capabilities: { mac: true },
    dataDir: `${world.folder}/tuning`,
    sysctl: { "net.core.somaxconn": "500" },
  },
  { type: "portmap", capabilities: { portMappings: true } },
];

const CAPABILITIES: JsonObject = { mac: "02:00:00:00:00:21", portMappings: PORTS };

const executed = (world: World): readonly JsonObject[] =>
  dbnetPlugins(world).map(({ capabilities: _, ...plugin }) => ({
    ...plugin,
    cniVersion: VERSION,
    name: NAME,
    runtimeConfig: CAPABILITIES,
  }));

const OTHER_SOMAXCONN = "nsenter --net=$CONTAINER sh -c 'echo 600 > /proc/sys/net/core/somaxconn'";
const NO_ADDRESS = "nsenter --net=$CONTAINER ip -4 address flush dev eth0";

/** All of them, in the order of the page. */
export const scenarios: readonly Scenario[] = [
  {
    ...alone("bridge"),
    prepare: "",
    config: (world) => bridge(hostLocal(world, ...SUBNETS)),
    spoil: NO_ADDRESS,
  },
  {
    ...alone("bridge"),
    name: "bridge, with an IPAM plugin that is executed",
    prepare: FOREIGN_IPAM,
    config: () => ({ ...bridge({ type: "foreign-ipam" }), ipMasq: false, macspoofchk: false }),
    path: ({ folder }) => `${folder}/cni`,
    spoil: NO_ADDRESS,
  },
  {
    ...alone("host-local"),
    prepare: "",
    config: (world) => ({ ...bareOf("host-local"), ipam: hostLocal(world, ...SUBNETS) }),
    spoil: "rm $DIR/leases/crashnet/10.8.0.*",
  },
  {
    ...alone("tuning"),
    prepare: linked,
    config: (world) => ({ ...bareOf("tuning"), ...tuning(world), mac: "02:00:00:00:00:22", prevResult }),
    spoil: OTHER_SOMAXCONN,
  },
  {
    ...alone("sbr"),
    prepare: `${linked}
nsenter --net=$CONTAINER ip route add 10.78.0.0/16 via 10.77.0.9 metric 7 mtu 1400 proto static`,
    config: () => ({ ...bareOf("sbr"), prevResult }),
    spoil: "nsenter --net=$CONTAINER ip rule del from 10.77.0.2",
  },
  {
    ...alone("portmap"),
    prepare: linked,
    config: () => portmap,
    spoil: "nft delete table inet cleat",
  },
  {
    ...alone("firewall"),
    prepare: linked,
    config: () => firewall,
    spoil: "iptables -F CNI-FORWARD",
  },
  {
    ...alone("host-device"),
    prepare: WIRED,
    config: (world) => ({ ...bareOf("host-device"), device: "dev0", ipam: hostLocal(world, SUBNETS[0]) }),
    spoil: NO_ADDRESS,
  },
  {
    ...alone("bandwidth"),
    prepare: linked,
    config: () => bandwidth,
    spoil: "tc qdisc del dev pre0 ingress",
  },
  {
    ...alone("tap"),
    prepare: "nsenter --net=$CONTAINER ip link add br5 type bridge",
    config: (world) => ({
      ...bareOf("tap"),
      owner: 1000,
      multiQueue: true,
      bridge: "br5",
      ipam: hostLocal(world, ...SUBNETS),
    }),
    spoil: NO_ADDRESS,
  },
  {
    ...alone("cleat"),
    prepare: "",
    config: (world) => ({ ...bareOf("cleat"), plugins: [...dbnetPlugins(world)], runtimeConfig: CAPABILITIES }),
    members: executed,
    spoil: OTHER_SOMAXCONN,
  },
  {
    name: "the dbnet chain, through the runtime",
    plugin: RUNTIME,
    prepare: "",
    config: (world) => ({ cniVersion: VERSION, name: NAME, plugins: [...dbnetPlugins(world)] }),
    bare: { cniVersion: VERSION, name: NAME, plugins: [{ type: "tuning" }] },
    members: executed,
    capabilityArgs: CAPABILITIES,
    spoil: OTHER_SOMAXCONN,
  },
];

/** Plugins whose log is cut, on a machine in memory: all that can find out by looking what a log does not tell. */
export const cuts: readonly { readonly plugin: string; readonly config: JsonObject }[] = [
  { plugin: "bridge", config: bridge(hostLocal({ folder: "" }, ...SUBNETS)) },
  { plugin: "host-local", config: { ...bareOf("host-local"), ipam: hostLocal({ folder: "" }, ...SUBNETS) } },
  { plugin: "portmap", config: portmap },
  { plugin: "firewall", config: { ...firewall, ingressPolicy: "open" } },
  // Not every kernel has dummies; the one in memory has.
  { plugin: "dummy", config: { ...bareOf("dummy"), ipam: hostLocal({ folder: "" }, ...SUBNETS) } },
];
