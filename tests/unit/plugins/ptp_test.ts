/** ADD, DEL and STATUS of the ptp plugin on a simulated machine. Numbers are those of scenarios/ptp.txt. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { runStatus } from "../../../src/engine/run_status.ts";
import { ptp } from "../../../src/plugins/ptp.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { addressesOf, containerOf, done, failure, hostOf, leaseFiles, result } from "../../support/bridge_machine.ts";
import { asPrevious, DEFAULTS, DUAL, end, fixed, NET, ptpMachine, ranges } from "../../support/ptp_machine.ts";

/** The routes of a side over its end, as `ip route` would print them; link-local ones left out. */
const routesOf = ({ routes }: { readonly routes: readonly unknown[] }) =>
  (routes as { dst: string; gw: string | null; scope: number; src?: string; metric: number }[])
    .filter(({ dst }) => !dst.startsWith("fe80"))
    .map(({ dst, gw, scope, src, metric }) =>
      [dst, gw === null ? "" : `via ${gw}`, `metric ${metric}`, `scope ${scope}`, src === undefined ? "" : `src ${src}`]
        .filter((word) => word !== "").join(" ")
    ).sort();

Deno.test("the tables are those of the reference: everything goes through the gateway, which the host is", async () => {
  const { machine, run } = ptpMachine();
  done(await run("ADD", DUAL));
  assert.deepEqual(addressesOf(hostOf(machine), end)?.filter((ip) => !ip.startsWith("fe80")), [
    "10.9.9.1/32",
    "fd09::1/128",
  ]);
  assert.deepEqual(routesOf(containerOf(machine)), [
    "0.0.0.0/0 via 10.9.9.1 metric 0 scope 0",
    "10.9.9.0/24 via 10.9.9.1 metric 0 scope 0 src 10.9.9.2",
    "10.9.9.1/32 metric 0 scope 253 src 10.9.9.2",
    "::/0 via fd09::1 metric 1024 scope 0",
    "fd09::/64 via fd09::1 metric 1024 scope 0 src fd09::2",
    "fd09::1/128 metric 1024 scope 0 src fd09::2",
  ]);
  assert.deepEqual(routesOf(hostOf(machine)), [
    "10.9.9.2/32 metric 0 scope 254",
    "fd09::1/128 metric 256 scope 0",
    "fd09::2/128 metric 1024 scope 0",
  ]);
});

Deno.test("[PT1, PT4] the result has both ends, the addresses of the second, and IPAM's routes", async () => {
  const { machine, run } = ptpMachine();
  const made = result(await run("ADD", { ...DUAL, mtu: 5000 }));
  const [host, container] = made.interfaces ?? [];
  assert.match(end, /^veth/);
  assert.deepEqual(host, { name: end, mac: hostOf(machine).links[end]?.mac });
  assert.deepEqual(container, { name: "eth0", mac: containerOf(machine).links.eth0?.mac, sandbox: "/ns/c1" });
  assert.deepEqual(made.ips, [
    { address: "10.9.9.2/24", gateway: "10.9.9.1", interface: 1 },
    { address: "fd09::2/64", gateway: "fd09::1", interface: 1 },
  ]);
  assert.deepEqual(made.routes, DEFAULTS);
  done(await run("CHECK", { ...DUAL, mtu: 5000, prevResult: asPrevious(made) }));
});

Deno.test("the host end is complete before it is up, forwarding is on, and routers in the container are ignored", async () => {
  const { machine, run, ops } = ptpMachine();
  done(await run("ADD", DUAL));
  const at = (wanted: (op: KernelOp) => boolean) => ops.findIndex(wanted);
  const up = at((op) => op.op === "link.set" && op.on === "host" && op.set.up === true);
  assert.ok(at((op) => op.op === "address.add" && op.on === "host") < up);
  assert.ok(at((op) => op.op === "sysctl.write" && op.key === `net/ipv6/conf/${end}/accept_ra`) < up);
  const { sysctls } = machine.kernel.dump().host as unknown as { sysctls: Record<string, string> };
  assert.deepEqual([sysctls["net/ipv4/ip_forward"], sysctls["net/ipv6/conf/all/forwarding"]], ["1", "1"]);
});

Deno.test("single addresses, gateways outside the network, shared gateways and networks are no obstacle", async () => {
  const cases: [JsonObject[], string[]][] = [
    [[{ address: "10.1.0.5/32", gateway: "169.254.1.1" }], ["169.254.1.1/32 metric 0 scope 253 src 10.1.0.5"]],
    [[{ address: "fd01::5/128", gateway: "fe80::1" }], ["fd01::5/128 metric 256 scope 0"]],
    [[{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "10.1.0.6/24", gateway: "10.1.0.1" }], [
      "10.1.0.0/24 via 10.1.0.1 metric 0 scope 0 src 10.1.0.5",
      "10.1.0.1/32 metric 0 scope 253 src 10.1.0.5",
    ]],
    [[{ address: "10.1.0.5/31", gateway: "10.1.0.4" }], [
      "10.1.0.4/31 via 10.1.0.4 metric 0 scope 0 src 10.1.0.5",
      "10.1.0.4/32 metric 0 scope 253 src 10.1.0.5",
    ]],
  ];
  for (const [addresses, expected] of cases) {
    const { machine, run } = ptpMachine();
    const before = machine.dump();
    const conf = { ...NET, ipMasq: false, ipam: fixed(addresses) };
    const made = result(await run("ADD", conf));
    assert.deepEqual(routesOf(containerOf(machine)), expected);
    done(await run("CHECK", { ...conf, prevResult: asPrevious(made) }));
    done(await run("DEL", conf));
    assert.deepEqual(containerOf(machine).links.eth0, undefined);
    assert.deepEqual((machine.dump() as { leases: unknown }).leases, (before as { leases: unknown }).leases);
  }
});

Deno.test("a route of IPAM that is one of ptp's own, or leads over another address of the host, is no obstacle", async () => {
  const { machine, run } = ptpMachine();
  const routes = [{ dst: "10.1.0.0/24" }, { dst: "10.1.0.1/32", scope: 253 }, { dst: "10.7.0.0/16", gw: "10.1.0.7" }];
  done(await run("ADD", { ...NET, ipam: fixed([{ address: "10.1.0.5/24", gateway: "10.1.0.1" }], { routes }) }));
  const found = routesOf(containerOf(machine));
  assert.ok(found.includes("10.7.0.0/16 via 10.1.0.7 metric 0 scope 0"), found.join("\n"));
  assert.ok(!found.includes("10.1.0.0/24 metric 0 scope 253"), found.join("\n"));
});

Deno.test("an address without a gateway is refused before a link is made, and given back", async () => {
  const cases: [JsonObject, RegExp][] = [
    [fixed([{ address: "10.1.0.5/24" }]), /Cannot use 10\.1\.0\.5\/24 from IPAM plugin "static": it has no gateway/],
    [fixed([]), /IPAM plugin "static" gave no address/],
    [{ type: "" }, /"ipam\.type": it is empty/],
    [{}, /"ipam\.type": it is missing, it must be name of the IPAM plugin/],
  ];
  for (const [ipam, sentence] of cases) {
    const { machine, run, ops } = ptpMachine();
    const before = machine.dump();
    assert.match(failure(await run("ADD", { ...NET, ipam })).msg, sentence);
    assert.deepEqual([ops, machine.dump()], [[], before]);
  }
  const { ops, run } = ptpMachine();
  for (const [key, value] of Object.entries({ mtu: 67, ipMasqBackend: "ebtables", runtimeConfig: { mac: "no" } })) {
    const refused = failure(await run("ADD", { ...DUAL, [key]: value }));
    assert.match(refused.msg, new RegExp(`"${key}`));
  }
  assert.deepEqual(ops, []);
});

Deno.test("[PT5, PT6, PT7] dns is IPAM's, unless any single field of the configuration replaces it", async () => {
  const ipamDns = { nameservers: ["192.0.2.1"], domain: "ipam.example", search: ["a"], options: ["b"] };
  const ipam = fixed([{ address: "10.1.0.5/24", gateway: "10.1.0.1" }], { dns: ipamDns });
  const cases: [JsonObject | undefined, unknown][] = [
    [undefined, ipamDns],
    [{}, ipamDns],
    [{ domain: "" }, ipamDns],
    [{ nameservers: ["192.0.2.9"] }, { nameservers: ["192.0.2.9"] }],
    [{ domain: "own.example" }, { domain: "own.example" }],
    [{ search: ["own"] }, { search: ["own"] }],
    [{ options: ["own"] }, { options: ["own"] }],
    [{ nameservers: [] }, { nameservers: [] }],
  ];
  for (const [dns, expected] of cases) {
    const conf = { ...NET, ipam, ...(dns === undefined ? {} : { dns }) };
    assert.deepEqual(result(await ptpMachine().run("ADD", conf)).dns, expected);
  }
});

Deno.test("the container's MAC can be chosen by capability, args.cni and CNI_ARGS", async () => {
  const mac = "02:00:00:00:00:07";
  const cases: [JsonObject, string][] = [
    [{ runtimeConfig: { mac } }, ""],
    [{ args: { cni: { mac } } }, ""],
    [{}, `IgnoreUnknown=1;MAC=${mac}`],
  ];
  for (const [more, args] of cases) {
    const { machine, run } = ptpMachine();
    assert.equal(result(await run("ADD", { ...DUAL, ...more }, { args })).interfaces?.[1]?.mac, mac);
    assert.equal(containerOf(machine).links.eth0?.mac, mac);
  }
});

Deno.test("[PT8] DEL without ADD succeeds and changes nothing", async () => {
  const { machine, run, ops } = ptpMachine();
  const before = machine.dump();
  done(await run("DEL", DUAL));
  assert.deepEqual([machine.dump(), ops], [before, []]);
});

Deno.test("DEL gives masquerade back where the namespace is gone, and the lease", async () => {
  const { machine, run } = ptpMachine();
  done(await run("ADD", DUAL));
  const elements = () => JSON.stringify(machine.dump()).match(/"masq[46]":\{[^}]*10\.9\.9\.2/);
  assert.ok(JSON.stringify(machine.dump()).includes("p1/c1/eth0"));
  machine.kernel.removeNetns("/ns/c1");
  done(await run("DEL", DUAL, { netns: "" }));
  assert.equal(elements(), null);
  assert.ok(!JSON.stringify(machine.dump()).includes("p1/c1/eth0"), "nothing bears the attachment's name");
  assert.deepEqual([leaseFiles(machine), Object.keys(hostOf(machine).links)], [[], ["lo"]]);
});

Deno.test("STATUS is IPAM's", async () => {
  const { machine } = ptpMachine();
  const status = (ipam: JsonObject) =>
    machine.run(runStatus(ptp, { raw: { ...NET, ipam }, cniVersion: "1.1.0", path: "" }));
  assert.equal((await status(ranges("10.9.9.0/24")))._tag, "Success");
  assert.equal((await status(ranges("10.9.9.0/29", "10.9.9.0/29")))._tag, "Failure", "sets that overlap");
});
