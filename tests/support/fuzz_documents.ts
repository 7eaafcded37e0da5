/** Good documents with every key in them: what fuzzing puts faults into. */
import type { JsonObject } from "../../src/spec/json.ts";

const DNS = { nameservers: ["10.1.0.53"], domain: "lab.test", search: ["lab.test", "test"], options: ["ndots:2"] };

const ROUTES = [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 7, table: 254, scope: 0 }, {
  dst: "fd00:2::/64",
}];

/** Results, one for each shape that versions have. */
export const RESULTS: readonly JsonObject[] = [
  {
    cniVersion: "0.2.0",
    ip4: { ip: "10.1.0.2/16", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] },
    ip6: { ip: "fd00::2/64", gateway: "fd00::1", routes: [{ dst: "::/0" }] },
    dns: DNS,
  },
  {
    cniVersion: "0.4.0",
    interfaces: [{ name: "cni0", mac: "02:00:00:00:00:01" }, { name: "eth0", sandbox: "/ns/c1" }],
    ips: [{ version: "4", interface: 1, address: "10.1.0.2/16", gateway: "10.1.0.1" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
    dns: DNS,
  },
  {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "cni0" },
      { name: "v1", mac: "02:00:00:00:00:01", mtu: 1500 },
      { name: "eth0", sandbox: "/ns/c1", socketPath: "/run/s", pciID: "0000:04:00.5" },
    ],
    ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 2 }, { address: "fd00::2/64", interface: 2 }],
    routes: ROUTES,
    dns: DNS,
  },
];

const PREVIOUS = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "cni0" }, { name: "v1" }, { name: "eth0", sandbox: "/ns/c1" }],
  ips: [{ address: "10.1.0.2/24", interface: 2 }],
};

const IPAM = {
  type: "host-local",
  ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.99", gateway: "10.1.0.1" }], [{
    subnet: "fd00:1::/64",
  }]],
  routes: ROUTES.slice(1),
  dataDir: "/leases",
};

const ENVELOPE = { cniVersion: "1.1.0", name: "lab" };

/** Request configs by plugin type, all keys of each that go together. */
export const REQUESTS: Readonly<Record<string, JsonObject>> = {
  "bridge": {
    ...ENVELOPE,
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    isDefaultGateway: false,
    forceAddress: false,
    ipMasq: true,
    ipMasqBackend: "nftables",
    mtu: 1400,
    hairpinMode: true,
    promiscMode: false,
    vlan: 0,
    preserveDefaultVlan: false,
    macspoofchk: true,
    enabledad: false,
    portIsolation: true,
    ipam: IPAM,
    dns: DNS,
    args: { cni: { mac: "02:00:00:00:00:09" } },
    runtimeConfig: { mac: "02:00:00:00:00:07" },
  },
  "host-local": {
    ...ENVELOPE,
    type: "host-local",
    ipam: IPAM,
    args: { cni: { ips: ["10.1.0.12"] } },
    runtimeConfig: { ips: ["fd00:1::7/64"], ipRanges: [[{ subnet: "10.2.0.0/24" }]] },
  },
  "tuning": {
    ...ENVELOPE,
    type: "tuning",
    sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_notify": "1" },
    mac: "02:00:00:00:00:99",
    mtu: 1400,
    promisc: true,
    allmulti: false,
    txQLen: 100,
    dataDir: "/tuning",
    args: { cni: { mtu: 1300, sysctl: { "net.core.somaxconn": "300" } } },
    runtimeConfig: { mac: "02:00:00:00:00:98" },
    prevResult: PREVIOUS,
  },
  "portmap": {
    ...ENVELOPE,
    type: "portmap",
    backend: "nftables",
    snat: true,
    masqAll: true,
    markMasqBit: 13,
    conditionsV4: ["ip", "saddr", "192.0.2.0/24"],
    conditionsV6: ["ip6", "daddr", "fd00::/8"],
    runtimeConfig: {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }, {
        HostPort: 53,
        containerPort: 53,
        protocol: "UDP",
        hostIP: "192.0.2.1",
      }],
    },
    prevResult: PREVIOUS,
  },
  "dummy": {
    ...ENVELOPE,
    type: "dummy",
    mtu: 1400,
    mac: "02:00:00:00:00:08",
    ipam: IPAM,
    dns: DNS,
    args: { cni: { mac: "02:00:00:00:00:09" } },
    runtimeConfig: { mac: "02:00:00:00:00:07" },
  },
  "ipvlan": {
    ...ENVELOPE,
    type: "ipvlan",
    master: "cni0",
    mode: "l3s",
    mtu: 1400,
    linkInContainer: false,
    ipam: IPAM,
    dns: DNS,
    prevResult: PREVIOUS,
  },
  "vlan": {
    ...ENVELOPE,
    type: "vlan",
    master: "cni0",
    vlanId: 100,
    mtu: 1400,
    linkInContainer: false,
    ipam: IPAM,
    dns: DNS,
  },
  "firewall": {
    ...ENVELOPE,
    type: "firewall",
    backend: "iptables",
    iptablesAdminChainName: "OPS-FIRST",
    firewalldZone: "trusted",
    ingressPolicy: "isolated",
    prevResult: PREVIOUS,
  },
  "host-device": {
    ...ENVELOPE,
    type: "host-device",
    device: "cni0",
    hwaddr: "02:00:00:00:00:08",
    kernelpath: "/sys/devices/pci0000:00/0000:00:04.0",
    pciBusID: "0000:00:04.0",
    ipam: IPAM,
    dns: DNS,
    runtimeConfig: { deviceID: "0000:00:05.0" },
    prevResult: PREVIOUS,
  },
  "bandwidth": {
    ...ENVELOPE,
    type: "bandwidth",
    ingressRate: 8_000_000,
    ingressBurst: 800_000,
    egressRate: 16_000_000,
    egressBurst: 400_000,
    unshapedSubnets: ["10.2.0.0/16", "fd00:2::/64"],
    runtimeConfig: {
      bandwidth: {
        ingressRate: 9_000_000,
        ingressBurst: 900_000,
        egressRate: 17_000_000,
        egressBurst: 500_000,
        shapedSubnets: ["10.3.0.0/16"],
      },
    },
    prevResult: PREVIOUS,
  },
  "loopback": { ...ENVELOPE, type: "loopback", prevResult: PREVIOUS },
  "macvlan": {
    ...ENVELOPE,
    type: "macvlan",
    master: "cni0",
    mode: "private",
    mtu: 1400,
    mac: "02:00:00:00:00:08",
    linkInContainer: false,
    bcqueuelen: 100,
    ipam: IPAM,
    dns: DNS,
    args: { cni: { mac: "02:00:00:00:00:09" } },
    runtimeConfig: { mac: "02:00:00:00:00:07" },
  },
  "ptp": {
    ...ENVELOPE,
    type: "ptp",
    ipMasq: true,
    ipMasqBackend: "iptables",
    mtu: 1400,
    ipam: IPAM,
    dns: DNS,
    args: { cni: { mac: "02:00:00:00:00:09" } },
    runtimeConfig: { mac: "02:00:00:00:00:07" },
  },
  "tap": {
    ...ENVELOPE,
    type: "tap",
    multiQueue: true,
    mtu: 1400,
    mac: "02:00:00:00:00:08",
    owner: 1000,
    group: 100,
    selinuxContext: "system_u:system_r:container_t:s0",
    bridge: "br5",
    ipam: IPAM,
    dns: DNS,
    args: { cni: { mac: "02:00:00:00:00:09" } },
    runtimeConfig: { mac: "02:00:00:00:00:07" },
  },
  "dhcp": {
    ...ENVELOPE,
    type: "dhcp",
    ipam: {
      type: "dhcp",
      daemonSocketPath: "/run/cni/dhcp.sock",
      priority: 50,
      provide: [{ option: "host-name", value: "web", fromArg: "K8S_POD_NAME" }, { option: "60", value: "cleat" }],
      request: [{ option: "121" }, { option: "host-name", skipDefault: true }],
    },
    prevResult: PREVIOUS,
  },
  "sbr": {
    ...ENVELOPE,
    type: "sbr",
    table: 5000,
    gateways: ["10.1.0.1", "fd00:1::1"],
    addSourceHints: true,
    prevResult: PREVIOUS,
  },
  "vrf": { ...ENVELOPE, type: "vrf", vrfname: "red", table: 77, prevResult: PREVIOUS },
  "static": {
    ...ENVELOPE,
    type: "static",
    ipam: {
      type: "static",
      addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "fd00:1::5/64" }],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "fd00::/8", gw: "fd00:1::1", mtu: 1400 }],
      dns: DNS,
    },
    args: { cni: { ips: ["10.1.0.12/24"] } },
    runtimeConfig: { ips: ["fd00:1::7/64"] },
  },
};

/** A network with a plugin of every type. */
export const NETWORK: JsonObject = {
  cniVersion: "1.1.0",
  cniVersions: ["0.4.0", "1.0.0", "1.1.0"],
  name: "lab",
  disableCheck: false,
  disableGC: "false",
  loadOnlyInlinedPlugins: true,
  plugins: [
    ...Object.values(REQUESTS).map(({ prevResult: _, runtimeConfig: __, cniVersion: ___, name: ____, ...conf }) =>
      conf
    ),
    {
      type: "somebody-elses",
      keyA: ["some", { more: "configuration" }],
      capabilities: { mac: true, portMappings: false },
    },
  ],
};

/** A configuration of one plugin, as it was before lists. */
export const PLUGIN_CONF: JsonObject = {
  cniVersion: "0.3.1",
  name: "lab",
  type: "bridge",
  bridge: "cni0",
  capabilities: { mac: true },
  ipam: IPAM,
  dns: DNS,
  prevResult: {},
};
