import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { NftElement } from "../../../src/effects/kernel/nft.ts";
import { type PortmapConfig, readPortmap } from "../../../src/plugins/portmap_config.ts";
import { planElements, targetsOf } from "../../../src/plugins/portmap_elements.ts";
import { portmap } from "../../../src/plugins/portmap.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import type { CniResult } from "../../../src/spec/result.ts";

const KEY = { network: "net1", containerId: "c1", ifName: "eth0" };

const read = (raw: JsonObject) => Effect.flatMap(decodeConfig(portmap.config, raw), readPortmap);
const accept = (raw: JsonObject) => Effect.runSync(read(raw));
const refuse = (raw: JsonObject) => Effect.runSync(Effect.flip(read(raw)));
const mapped = (...portMappings: JsonObject[]): JsonObject => ({ runtimeConfig: { portMappings } });
const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

const result = (...ips: NonNullable<CniResult["ips"]>): CniResult => ({
  cniVersion: "1.1.0",
  interfaces: [
    { name: "cni0" },
    { name: "veth1" },
    { name: "eth0", sandbox: "/run/netns/a" },
    { name: "eth1", sandbox: "/run/netns/a" },
  ],
  ips,
});

const plan = async (raw: JsonObject, prevResult: CniResult) => {
  const settings = accept(raw);
  return await Effect.runPromise(planElements(settings, targetsOf(KEY, prevResult, settings.mappings)));
};
const elementsOf = async (raw: JsonObject, prevResult: CniResult): Promise<readonly NftElement[]> =>
  (await plan(raw, prevResult)).elements;
const inSet = (elements: readonly NftElement[], set: string) =>
  elements.filter((element) => element.set === set).map(({ key, value }) => ({ key, value }));

Deno.test("[F2, F3, I1, J123, PM1] a full configuration is read, keys in any case", () => {
  const config: PortmapConfig = Effect.runSync(decodeConfig(portmap.config, {
    name: "test",
    type: "portmap",
    cniVersion: "1.0.0",
    backend: "iptables",
    snat: false,
    markMasqBit: 5,
    conditionsV4: ["-s", "1.2.3.4"],
    conditionsV6: ["!", "-s", "12::34"],
    runtimeConfig: {
      portMappings: [
        { HostPort: 8080, ContainerPort: 80, Protocol: "TCP" },
        { hostPort: 8081, containerPort: 81, protocol: "udp", HostIP: "::ffff:192.0.2.1" },
      ],
    },
  }));
  const settings = Effect.runSync(readPortmap(config));
  assert.equal(settings.snat, false);
  assert.equal(settings.conditions[4].length, 2);
  assert.equal(settings.conditions[6].length, 2);
  assert.deepEqual(settings.mappings, [
    { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: null, families: [4, 6] },
    { protocol: "udp", hostPort: 8081, containerPort: 81, hostIp: "192.0.2.1", families: [4] },
  ]);
});

Deno.test("[C34, PM3] the form of DEL, without runtimeConfig and prevResult, is accepted", () => {
  assert.deepEqual(accept({ snat: true }).mappings, []);
  assert.deepEqual(accept({ runtimeConfig: { portMappings: null } }).mappings, []);
});

Deno.test("snat is on unless turned off", () => {
  assert.equal(accept({}).snat, true);
  assert.equal(accept({ snat: null }).snat, true);
});

Deno.test("[PM4] ports below 1 and above 65535 are refused, the container's first", () => {
  assert.match(refuse(mapped({ ...web, hostPort: 0 })).msg, /portMappings\[0\]\.hostPort": 0 is not a port/);
  assert.match(refuse(mapped(web, { ...web, containerPort: -1, hostPort: 0 })).msg, /\[1\]\.containerPort": -1/);
  assert.match(refuse(mapped({ ...web, hostPort: 65_536 })).msg, /hostPort": 65536/);
  assert.match(refuse(mapped({ containerPort: 80 })).msg, /hostPort": 0/);
});

Deno.test("protocols in any case are known, others and bad host addresses are refused before any effect", () => {
  const protocols = ["TCP", "Udp", "sctp", ""].map((protocol) => accept(mapped({ ...web, protocol })).mappings[0]);
  assert.deepEqual(protocols.map((mapping) => mapping?.protocol), ["tcp", "udp", "sctp", "tcp"]);
  assert.match(refuse(mapped({ ...web, protocol: "icmp" })).msg, /protocol": "icmp" is not tcp, udp or sctp/);
  assert.match(refuse(mapped({ ...web, hostIP: "10.0.0.01" })).msg, /hostIP": "10\.0\.0\.01" is not an IP address/);
});

Deno.test("a host port asked for twice in one request is refused, but not on two addresses or protocols", () => {
  assert.match(refuse(mapped(web, { ...web, containerPort: 81 })).msg, /host port 8080\/tcp is mapped twice/);
  assert.match(refuse(mapped(web, { ...web, hostIP: "0.0.0.0" })).msg, /8080\/tcp is mapped twice/);
  assert.equal(accept(mapped(web, { ...web, protocol: "udp" }, { ...web, hostIP: "192.0.2.1" })).mappings.length, 3);
  assert.equal(accept(mapped({ ...web, hostIP: "0.0.0.0" }, { ...web, hostIP: "::" })).mappings.length, 2);
});

Deno.test("[PM6] both backends are served, an unknown one is refused", () => {
  for (const backend of ["iptables", "nftables", ""]) assert.deepEqual(accept({ backend }).mappings, []);
  assert.match(refuse({ backend: "ipvs" }).msg, /"ipvs" is not known/);
});

Deno.test("[PM7] nft conditions go with the backend nftables", () => {
  const settings = accept({ backend: "nftables", conditionsV4: ["ip", "saddr", "1.2.3.4"] });
  assert.equal(settings.conditions[4].length, 2);
});

Deno.test("[PM8] nft conditions are refused with the backend iptables, both keys listed", () => {
  const refused = refuse({
    backend: "iptables",
    conditionsV4: ["ip", "saddr", "1.2.3.4"],
    conditionsV6: ["ip6", "saddr", "12::34"],
  });
  assert.match(refused.msg, /"conditionsV4", "conditionsV6": not of the backend "iptables"/);
});

Deno.test("[PM9] iptables options are refused with the backend nftables, three keys listed", () => {
  const refused = refuse({
    backend: "nftables",
    externalSetMarkChain: "KUBE-MARK-MASQ",
    conditionsV4: ["-s", "1.2.3.4"],
    conditionsV6: ["!", "-s", "12::34"],
  });
  assert.match(refused.msg, /"externalSetMarkChain", "conditionsV4", "conditionsV6": not of the backend "nftables"/);
});

Deno.test("without a backend each family's conditions may be in either syntax", () => {
  const { conditions } = accept({ conditionsV4: ["ip", "saddr", "1.2.3.4"], conditionsV6: ["-s", "12::34"] });
  assert.equal(conditions[4].length + conditions[6].length, 4);
});

Deno.test("mark options are checked though nothing is marked", () => {
  accept({ markMasqBit: 0 });
  accept({ externalSetMarkChain: "KUBE-MARK-MASQ" });
  assert.match(refuse({ markMasqBit: 32 }).msg, /markMasqBit": 32 is not a bit from 0 to 31/);
  assert.match(refuse({ markMasqBit: 5, externalSetMarkChain: "X" }).msg, /exclude each other/);
});

Deno.test("conditions that cannot be translated are refused with the configuration, not when a port is opened", () => {
  assert.match(refuse({ conditionsV4: ["-p", "tcp"] }).msg, /"conditionsV4": iptables option "-p"/);
});

Deno.test("[PM2] the right addresses are picked among three", () => {
  const { mappings } = accept(mapped(web));
  const targets = targetsOf(
    KEY,
    result(
      { address: "10.0.0.1/24", interface: 0 },
      { address: "10.0.0.9/24", interface: 3 },
      { address: "10.0.0.2/24", interface: 2 },
      { address: "10.0.0.3/24", interface: 2 },
      { address: "2001:db8:1::2/64", interface: 2 },
    ),
    mappings,
  );
  assert.deepEqual(targets.map(({ address }) => address), ["10.0.0.2/24", "2001:db8:1::2/64"]);
});

Deno.test("[E11, PM10] an address without interface, or with one the result does not list, counts", () => {
  const { mappings } = accept(mapped(web));
  const pick = (interfaceIndex?: number) =>
    targetsOf(
      KEY,
      result({ address: "10.0.0.2/24", ...(interfaceIndex === undefined ? {} : { interface: interfaceIndex }) }),
      mappings,
    ).length;
  assert.equal(pick(), 1);
  assert.equal(pick(17), 1);
  assert.equal(pick(1), 0);
});

Deno.test("[PM12] tcp, udp, any and certain host addresses become elements of both families", async () => {
  const elements = await elementsOf(
    mapped(
      web,
      { hostPort: 8081, containerPort: 81, protocol: "udp" },
      { hostPort: 8082, containerPort: 82, protocol: "tcp", hostIP: "192.168.0.2" },
      { hostPort: 8083, containerPort: 83, protocol: "tcp", hostIP: "0.0.0.0" },
      { hostPort: 8084, containerPort: 84, protocol: "tcp", hostIP: "2001:db8:A::1" },
      { hostPort: 8085, containerPort: 85, protocol: "sctp", hostIP: "::" },
    ),
    result({ address: "10.0.0.2/24" }, { address: "2001:db8:1::2/64" }),
  );
  const to = (ip: string, port: number) => [{ ip }, { port }];
  assert.deepEqual(inSet(elements, "hostports4"), [
    { key: [{ protocol: "tcp" }, { port: 8080 }], value: to("10.0.0.2", 80) },
    { key: [{ protocol: "udp" }, { port: 8081 }], value: to("10.0.0.2", 81) },
    { key: [{ protocol: "tcp" }, { port: 8083 }], value: to("10.0.0.2", 83) },
  ]);
  assert.deepEqual(inSet(elements, "hostips4"), [
    { key: [{ ip: "192.168.0.2" }, { protocol: "tcp" }, { port: 8082 }], value: to("10.0.0.2", 82) },
  ]);
  assert.deepEqual(inSet(elements, "hostports6"), [
    { key: [{ protocol: "tcp" }, { port: 8080 }], value: to("2001:db8:1::2", 80) },
    { key: [{ protocol: "udp" }, { port: 8081 }], value: to("2001:db8:1::2", 81) },
    { key: [{ protocol: "sctp" }, { port: 8085 }], value: to("2001:db8:1::2", 85) },
  ]);
  assert.deepEqual(inSet(elements, "hostips6"), [
    { key: [{ ip: "2001:db8:a::1" }, { protocol: "tcp" }, { port: 8084 }], value: to("2001:db8:1::2", 84) },
  ]);
});

Deno.test("[PM13] snat masquerades by the container's subnet, and not at all when off", async () => {
  const prevResult = result({ address: "10.0.0.2/24" }, { address: "2001:db8:1::2/64" });
  const on = await elementsOf(mapped(web), prevResult);
  assert.deepEqual(inSet(on, "snat4"), [
    { key: [{ ip: "10.0.0.2" }], value: { verdict: "jump", chain: "snat-10.0.0.0/24" } },
  ]);
  assert.deepEqual(inSet(on, "snat6"), [
    { key: [{ ip: "2001:db8:1::2" }], value: { verdict: "jump", chain: "snat-2001_db8_1__/64" } },
  ]);
  const off = await plan({ ...mapped(web), snat: false }, prevResult);
  assert.deepEqual(off.elements.map(({ set }) => set), ["hostports4", "hostports6"]);
  assert.deepEqual(off.layout.chains, []);
});

Deno.test("[PM24] masqAll masquerades whoever comes through a host port", async () => {
  const { elements, layout } = await plan({ ...mapped(web), masqAll: true }, result({ address: "10.0.0.2/24" }));
  assert.deepEqual(inSet(elements, "snat4"), [
    { key: [{ ip: "10.0.0.2" }], value: { verdict: "jump", chain: "snat-all" } },
  ]);
  const rules = layout.chains.flat().filter((command) => "chain" in command && command.chain === "snat-all").slice(1);
  assert.deepEqual(rules.map((rule) => "exprs" in rule ? rule.exprs : null), [[{ expr: "masquerade" }]]);
});

Deno.test("conditions give a family maps of its own, the same for the same meaning", async () => {
  const prevResult = result({ address: "10.0.0.2/24" }, { address: "2001:db8:1::2/64" });
  const setsOf = async (raw: JsonObject) =>
    (await elementsOf({ ...mapped(web), snat: false, ...raw }, prevResult)).map(({ set }) => set);
  const [iptables] = await setsOf({ conditionsV4: ["-s", "192.0.2.0/24"] });
  const [nft, other6] = await setsOf({ conditionsV4: ["ip", "saddr", "192.0.2.0/24"] });
  const [different] = await setsOf({ conditionsV4: ["ip", "saddr", "192.0.3.0/24"] });
  assert.match(iptables ?? "", /^hostports4-[0-9a-f]{12}$/);
  assert.equal(nft, iptables);
  assert.notEqual(different, iptables);
  assert.equal(other6, "hostports6");
});

Deno.test("the maps of conditions are made in the batch that sends matching packets to them", async () => {
  const { elements, layout } = await plan(
    { ...mapped(web), snat: false, conditionsV4: ["-i", "eth0"] },
    result({ address: "10.0.0.2/24" }),
  );
  const [batch = []] = layout.chains;
  const set = elements[0]?.set;
  assert.ok(batch.some((command) => "add" in command && command.add === "set" && command.set === set));
  const last = batch.at(-1);
  assert.ok(last !== undefined && "exprs" in last && last.chain === "conditions");
  assert.deepEqual(last.exprs.at(-1), { expr: "verdict", verdict: "jump", chain: set });
});
