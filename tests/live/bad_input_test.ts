/** Faults in what plugins are given: each is one error object on stdout and one sentence on stderr, and leaves nothing. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab, tree } from "../support/lab.ts";
import type { Env } from "../support/plugin_exec.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.veth && can.nft && can.ip, name, "no namespaces, nft or ip");

/** A fault: what is wrong with a good ADD, the code, and what the sentence must name. */
interface Fault {
  /** The whole stdin, or what differs from a good configuration. */
  readonly stdin?: string | JsonObject;
  readonly env?: Env;
  readonly verb?: "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";
  readonly code: number;
  readonly says: RegExp;
}

/** A good configuration of each plugin, for the leases of the lab. */
const good = (plugin: string, dataDir: string): JsonObject => ({
  cniVersion: "1.0.0",
  name: "net9",
  type: plugin,
  ...(["bridge", "host-local", "ptp", "static"].includes(plugin)
    ? { bridge: "br9", ipam: { type: "host-local", subnet: "10.9.0.0/24", dataDir } }
    : { prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] } }),
});

/** Runs the faulty ADD; the host, the container and all folders must be as before. */
async function isRefused(lab: Lab, plugin: string, fault: Fault): Promise<void> {
  const netns = lab.container();
  const { stdin = {}, env = {}, verb = "ADD", code, says } = fault;
  const config = typeof stdin === "string" ? stdin : { ...good(plugin, lab.leases), ...stdin };
  const before = [lab.remains(), tree(lab.folder), netns.must("ip -o link")];
  const error = await lab.refused(plugin, { verb, config, netns, env });
  const what = `${plugin} ${JSON.stringify(fault.stdin ?? fault.env)}: ${JSON.stringify(error)}`;
  assert.equal(error.code, code, what);
  assert.match(`${error.msg}; ${error.details ?? ""}`, says, what);
  assert.doesNotMatch(error.msg, /\n/, what);
  assert.deepEqual([lab.remains(), tree(lab.folder), netns.must("ip -o link")], before, what);
}

const testFaults = (name: string, plugins: readonly string[], faults: readonly Fault[]) =>
  Deno.test({
    ...live(name),
    async fn() {
      using lab = new Lab(bin);
      for (const plugin of plugins) {
        for (const fault of faults) await isRefused(lab, plugin, fault);
      }
    },
  });

const ALL = ["bridge", "host-local", "tuning", "portmap", "loopback", "ptp", "static"];

testFaults(
  "[B2, B30, B33, B34, B38, B45, B49, B50, I7, J68, J70, J76] every plugin refuses faults of the environment by name",
  ["bridge", "portmap"],
  [
    { env: { CNI_COMMAND: "add" }, code: 4, says: /"add".*ADD, DEL/ },
    { env: { CNI_CONTAINERID: undefined, CNI_IFNAME: undefined }, code: 4, says: /\[CNI_CONTAINERID,CNI_IFNAME\]/ },
    { env: { CNI_NETNS: "" }, code: 4, says: /CNI_NETNS/ },
    { env: { CNI_PATH: undefined }, verb: "GC", code: 4, says: /CNI_PATH/ },
    { env: { CNI_CONTAINERID: "../../c1" }, code: 4, says: /"\.\.\/\.\.\/c1".*CNI_CONTAINERID/ },
    { env: { CNI_CONTAINERID: ".." }, code: 4, says: /"\.\.".*CNI_CONTAINERID/ },
    { env: { CNI_CONTAINERID: "c".repeat(256) }, code: 4, says: /256 bytes, at most 255/ },
    { env: { CNI_CONTAINERID: "../c1" }, verb: "DEL", code: 4, says: /"\.\.\/c1".*CNI_CONTAINERID/ },
    { env: { CNI_IFNAME: "interface-number" }, code: 4, says: /"interface-number".*16 bytes.*at most 15/ },
    { env: { CNI_IFNAME: "../eth0" }, code: 4, says: /"\.\.\/eth0".*CNI_IFNAME/ },
    { env: { CNI_IFNAME: "eth 0" }, code: 4, says: /"eth 0"/ },
    { env: { CNI_NETNS: "/nowhere/at/all" }, code: 4, says: /"\/nowhere\/at\/all".*no such file/ },
    { env: { CNI_NETNS: "/etc/hostname" }, code: 4, says: /"\/etc\/hostname".*not a network namespace/ },
    { env: { CNI_NETNS: "/proc/self/ns/net" }, code: 8, says: /"\/proc\/self\/ns\/net".*own/ },
  ],
);

testFaults("[B37, B75] every plugin refuses a stdin that is no request by name", ["host-local", "tuning"], [
  { stdin: "", code: 6, says: /JSON/ },
  { stdin: "{", code: 6, says: /JSON/ },
  { stdin: "[]", code: 6, says: /object|array/ },
  { stdin: '{"cniVersion":"1.0.0","name":"net9"} {}', code: 6, says: /JSON/ },
  { stdin: { name: undefined as never }, code: 7, says: /name/ },
  { stdin: { name: "" }, code: 7, says: /name/ },
  { stdin: { name: 7 }, code: 6, says: /name.*7/ },
  { stdin: { name: "../net9" }, code: 7, says: /"\.\.\/net9"/ },
  { stdin: { name: "n".repeat(256) }, code: 7, says: /256 bytes, at most 255/ },
  { stdin: { cniVersion: "0.9.9" }, code: 1, says: /0\.9\.9.*1\.1\.0/ },
  { stdin: { cniVersion: "newest" }, code: 1, says: /newest/ },
  { stdin: { cniVersion: 1 }, code: 6, says: /cniVersion.*1/ },
  { stdin: { cniVersion: "0.3.1" }, verb: "CHECK", code: 1, says: /CHECK.*0\.4\.0|0\.3\.1.*CHECK/ },
  { stdin: { cniVersion: "1.0.0" }, verb: "STATUS", code: 1, says: /STATUS.*1\.1\.0|1\.0\.0.*STATUS/ },
]);

testFaults("[E24] every plugin refuses a prevResult that is none by name", ALL, [
  {
    stdin: { prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/99" }] } },
    code: 7,
    says: /10\.9\.0\.2\/99/,
  },
]);

const ipam = (settings: JsonObject): JsonObject => ({ ipam: { type: "host-local", dataDir: "/nowhere", ...settings } });

testFaults("bridge refuses values of the wrong kind, naming key and value", ["bridge"], [
  { stdin: { bridge: 7 }, code: 7, says: /"?bridge"?.*7/ },
  { stdin: { bridge: "" }, code: 7, says: /bridge/ },
  { stdin: { bridge: "bridge-number-nine" }, code: 7, says: /"bridge-number-nine"/ },
  { stdin: { isGateway: "true" }, code: 7, says: /isGateway.*true/ },
  { stdin: { mtu: "1500" }, code: 7, says: /mtu.*1500/ },
  { stdin: { mtu: 1.5 }, code: 7, says: /mtu.*1\.5/ },
  { stdin: { mtu: 67 }, code: 7, says: /mtu.*67.*68/ },
  { stdin: { vlan: -100 }, code: 7, says: /vlan.*-100/ },
  { stdin: { vlan: 5000 }, code: 7, says: /vlan.*5000/ },
  { stdin: { vlanTrunk: [{ minID: 5 }] }, code: 7, says: /maxID/ },
  { stdin: { vlanTrunk: [{ minID: 9, maxID: 5 }] }, code: 7, says: /9.*5|5.*9/ },
  { stdin: { hairpinMode: true, promiscMode: true }, code: 7, says: /hairpinMode.*promiscMode/ },
  { stdin: { ipMasqBackend: "pf" }, code: 7, says: /ipMasqBackend.*pf/ },
  { stdin: { args: { cni: { mac: "ff:ff:ff:ff:ff:ff" } } }, code: 7, says: /mac.*ff:ff:ff:ff:ff:ff/ },
  { stdin: { runtimeConfig: { mac: "nonsense" } }, code: 7, says: /mac.*nonsense/ },
  { stdin: { ipam: "host-local" }, code: 7, says: /ipam.*host-local/ },
  { env: { CNI_ARGS: "MAC" }, code: 4, says: /"MAC"/ },
  { env: { CNI_ARGS: "K=V" }, code: 4, says: /K/ },
]);

testFaults("host-local refuses ranges that cannot be, naming key and value", ["host-local"], [
  { stdin: { ipam: undefined as never }, code: 7, says: /ipam/ },
  { stdin: ipam({}), code: 7, says: /no range.*"ranges".*"subnet"/ },
  { stdin: ipam({ subnet: "10.9.0.0" }), code: 7, says: /subnet.*10\.9\.0\.0/ },
  { stdin: ipam({ subnet: "10.9.0.0/33" }), code: 7, says: /subnet.*10\.9\.0\.0\/33/ },
  { stdin: ipam({ subnet: "010.9.0.0/24" }), code: 7, says: /subnet.*010\.9\.0\.0/ },
  { stdin: ipam({ subnet: "10.9.0.1/24" }), code: 7, says: /10\.9\.0\.1\/24.*10\.9\.0\.0\/24/ },
  { stdin: ipam({ subnet: "10.9.0.0/31" }), code: 7, says: /10\.9\.0\.0\/31.*too small/ },
  {
    stdin: ipam({ subnet: "10.9.0.0/24", gateway: "10.8.0.1" }),
    code: 7,
    says: /gateway.*10\.8\.0\.1.*10\.9\.0\.0\/24/,
  },
  { stdin: ipam({ subnet: "10.9.0.0/24", rangeStart: "10.8.0.1" }), code: 7, says: /rangeStart.*10\.8\.0\.1/ },
  {
    stdin: ipam({ subnet: "10.9.0.0/24", rangeStart: "10.9.0.9", rangeEnd: "10.9.0.8" }),
    code: 7,
    says: /rangeStart.*10\.9\.0\.9.*10\.9\.0\.8/,
  },
  { stdin: ipam({ ranges: [[]] }), code: 7, says: /ranges\[0\]/ },
  { stdin: ipam({ ranges: [{ subnet: "10.9.0.0/24" }] }), code: 7, says: /ranges/ },
  { stdin: ipam({ ranges: [[{ subnet: "10.9.0.0/24" }, { subnet: "fd09::/64" }]] }), code: 7, says: /IPv4 and IPv6/ },
  { stdin: ipam({ ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "10.9.0.0/16" }]] }), code: 7, says: /overlap/ },
  { stdin: ipam({ subnet: "10.9.0.0/24", routes: [{ dst: "everywhere" }] }), code: 7, says: /dst.*everywhere/ },
  { stdin: ipam({ subnet: "10.9.0.0/24", dataDir: "relative" }), code: 7, says: /dataDir.*relative/ },
  {
    stdin: ipam({ subnet: "10.9.0.0/24", resolvConf: "/nowhere/resolv" }),
    code: 5,
    says: /resolvConf.*\/nowhere\/resolv/,
  },
  { stdin: { args: { cni: { ips: ["10.9.0.999"] } } }, code: 7, says: /10\.9\.0\.999/ },
  { env: { CNI_ARGS: "IP=10.9.0.999" }, code: 4, says: /10\.9\.0\.999/ },
]);

testFaults("tuning refuses settings that cannot be, naming key and value", ["tuning"], [
  { stdin: { sysctl: { "net.core.somaxconn": 500 } }, code: 7, says: /somaxconn.*500/ },
  { stdin: { sysctl: { "kernel.hostname": "x" } }, code: 7, says: /kernel\.hostname/ },
  { stdin: { sysctl: { "net/../kernel/hostname": "x" } }, code: 7, says: /net\/\.\.\/kernel\/hostname/ },
  { stdin: { mac: "02:00" }, code: 7, says: /mac.*02:00/ },
  { stdin: { mtu: -1 }, code: 7, says: /mtu.*-1/ },
  { stdin: { txQLen: 1.5 }, code: 7, says: /txQLen.*1\.5/ },
  { stdin: { promisc: "yes" }, code: 7, says: /promisc.*yes/ },
  { stdin: { prevResult: undefined as never }, code: 7, says: /prevResult/ },
  {
    stdin: '{"cniVersion":"1.0.0","name":"net9","sysctl":{"net.core.somaxconn":"1","net.core.somaxconn":"2"}}',
    code: 7,
    says: /duplicated.*net\.core\.somaxconn/,
  },
  { env: { CNI_ARGS: "MAC=nonsense" }, code: 4, says: /MAC=nonsense/ },
]);

const mapping = (change: JsonObject): JsonObject => ({
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", ...change }] },
});

testFaults("portmap refuses mappings that cannot be, naming key and value", ["portmap"], [
  { stdin: mapping({ hostPort: 0 }), code: 7, says: /hostPort.*0/ },
  { stdin: mapping({ hostPort: 65536 }), code: 7, says: /hostPort.*65536/ },
  { stdin: mapping({ containerPort: -1 }), code: 7, says: /containerPort.*-1/ },
  { stdin: mapping({ hostPort: "8080" }), code: 7, says: /hostPort.*8080/ },
  { stdin: mapping({ protocol: "icmp" }), code: 7, says: /protocol.*icmp/ },
  { stdin: mapping({ hostIP: "localhost" }), code: 7, says: /hostIP.*localhost/ },
  { stdin: { backend: "pf" }, code: 7, says: /backend.*pf/ },
  { stdin: { snat: "no" }, code: 7, says: /snat.*no/ },
  { stdin: { markMasqBit: 32 }, code: 7, says: /markMasqBit.*32/ },
  { stdin: { markMasqBit: 1, externalSetMarkChain: "X" }, code: 7, says: /markMasqBit.*externalSetMarkChain/ },
  { stdin: { conditionsV4: ["-j", "ACCEPT"] }, code: 7, says: /conditionsV4.*-j/ },
  { stdin: { prevResult: undefined as never }, code: 7, says: /prevResult/ },
]);
