/** What this machine lets a test do, found out once per process and without touching the machine's own network. */
import { hasKind, isRequired } from "./kinds.ts";
import { newNetns } from "./netns.ts";

const attempt = <T>(fn: () => T): T | null => {
  try {
    return fn();
  } catch {
    return null;
  }
};

const isFile = (path: string): boolean => attempt(() => Deno.statSync(path).isFile) ?? false;

const onPath = (program: string): boolean =>
  `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin`.split(":").some((folder) => isFile(`${folder}/${program}`));

/** A folder of CNI plugins other than ours to compare and to work with, or null: `$CLEAT_PEER`, else Debian's. */
const peerFolder = [Deno.env.get("CLEAT_PEER"), "/usr/lib/cni"]
  .find((folder) => folder !== undefined && folder !== "" && isFile(`${folder}/bridge`)) ?? null;

const probes = {
  nft: "nft list ruleset",
  iptables: "iptables -t nat -L -n",
  bridge: "ip link add probe0 type bridge",
  vlanFiltering: "ip link add probe1 type bridge vlan_filtering 1",
  veth: "ip link add probe2 type veth peer name probe3",
  tap: "ip tuntap add dev probe4 mode tap",
} as const;

/** All probes by one shell, in a namespace that is thrown away: every test file that asks pays for it. */
const probe = () => {
  using ns = attempt(() => newNetns());
  const script = Object.entries(probes).map(([name, command]) => `${command} >/dev/null 2>&1 && echo ${name}`);
  const works = new Set(ns?.sh(script.join("\n")).stdout.split("\n"));
  return {
    netns: ns !== null,
    nft: works.has("nft"),
    iptables: works.has("iptables"),
    bridge: works.has("bridge"),
    vlanFiltering: isRequired || works.has("vlanFiltering"),
    veth: works.has("veth"),
    tap: works.has("tap"),
    dummy: hasKind("dummy"),
    macvlan: hasKind("macvlan"),
    vlan: hasKind("vlan"),
    ipvlan: hasKind("ipvlan"),
    vrf: hasKind("vrf"),
  };
};

/**
 * What works here. `netns`: namespaces of a test's own (as root, or in a user namespace); `ip`, `conntrack`, `ping`:
 * the program exists; `nft`, `iptables`: the program exists and the kernel answers it; `bridge`, `vlanFiltering`,
 * `veth`, `tap`, `dummy`, `macvlan`, `vlan`, `ipvlan`: the kernel can make such links.
 */
export const can = {
  /** Root of the machine itself, not of a user namespace: for limits that only it may exceed. */
  exceedLimits: (attempt(() => Deno.readTextFileSync("/proc/self/uid_map")) ?? "").includes("4294967295"),
  ip: onPath("ip"),
  conntrack: onPath("conntrack"),
  tc: onPath("tc"),
  ping: onPath("ping"),
  /** The folder of the Go plugins, or null. */
  peer: peerFolder,
  ...probe(),
} as const;

/** The path of the Go plugin of this name, or null where it is not installed. */
export const peerPlugin = (name: string): string | null =>
  can.peer !== null && isFile(`${can.peer}/${name}`) ? `${can.peer}/${name}` : null;

/** A test name that says why it is skipped, for `ignore`. */
export const unless = (works: boolean, name: string, missing: string): { name: string; ignore: boolean } =>
  works ? { name, ignore: false } : { name: `${name} (skipped: ${missing})`, ignore: true };
