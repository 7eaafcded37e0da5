import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { Request } from "../../../src/engine/plugin.ts";
import { View } from "../../../src/engine/view.ts";
import { portmap } from "../../../src/plugins/portmap.ts";
import type { PortmapConfig } from "../../../src/plugins/portmap_config.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import type { CniResult } from "../../../src/spec/result.ts";
import { NETNS, recipeMachine } from "../../support/recipe.ts";

const PREV: CniResult = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }, { address: "fd00:1::2/64" }] };

const request = (
  containerId: string,
  raw: JsonObject,
  prevResult: CniResult | null = PREV,
): Request<PortmapConfig> => ({
  key: { network: "net1", containerId, ifName: "eth0" },
  netns: { path: NETNS, cookie: "2" },
  config: Effect.runSync(decodeConfig(portmap.config, raw)),
  raw,
  cniVersion: "1.1.0",
  args: new Map(),
  prevResult,
});

const mapped = (...portMappings: JsonObject[]): JsonObject => ({ runtimeConfig: { portMappings } });
const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const dns = { hostPort: 5353, containerPort: 53, protocol: "udp" };

/** A bridge with the container's gateway address, so that there is a link towards it. */
const BRIDGE: readonly KernelOp[] = [
  { op: "link.create", on: "host", name: "cni0.7", link: { kind: "bridge" }, up: true },
  { op: "link.create", on: "host", name: "v1", link: { kind: "veth", peer: { on: "container", name: "eth0" } } },
  { op: "link.set", on: "host", name: "v1", set: { master: "cni0.7", up: true } },
  { op: "link.set", on: "container", name: "eth0", set: { up: true } },
  { op: "address.add", on: "host", link: "cni0.7", address: "10.1.0.1/24" },
];

const machineWithBridge = () => {
  const machine = recipeMachine();
  machine.drift(NETNS, ...BRIDGE);
  return machine;
};

const ROUTE_LOCALNET = "net/ipv4/conf/cni0.7/route_localnet";

Deno.test("[C26] without mappings ADD answers prevResult and touches nothing", async () => {
  const machine = machineWithBridge();
  assert.deepEqual(await machine.run(portmap.add(request("c1", {}))), PREV);
  assert.deepEqual(machine.asked, []);
});

Deno.test("ADD and CHECK without prevResult say so", async () => {
  const machine = machineWithBridge();
  const refused = await machine.run(Effect.flip(portmap.add(request("c1", mapped(web), null))));
  assert.match(refused.message, /must be called as chained plugin/);
  const findings = await machine.run(portmap.check?.(request("c1", {}, null)) ?? Effect.succeed([]));
  assert.match(findings[0] ?? "", /prevResult is missing/);
});

Deno.test("a refused host port names the port and its holder, and leaves the machine as it was", async () => {
  const machine = machineWithBridge();
  await machine.run(portmap.add(request("c1", mapped(web))));
  machine.takeUndo();
  const before = machine.dump();
  const other = { ...PREV, ips: [{ address: "10.1.0.3/24" }] };
  const refused = await machine.run(
    Effect.flip(portmap.add(request("c2", mapped({ ...web, hostPort: 8081 }, web), other))),
  );
  assert.match(refused.message, /^Cannot use host port 8080\/tcp: "net1\/c1\/eth0" holds it/);
  assert.deepEqual(machine.dump(), before);
});

Deno.test("one host port on two addresses of the host may lead to two containers", async () => {
  const machine = machineWithBridge();
  const on = (hostIP: string) => mapped({ ...web, hostIP });
  await machine.run(portmap.add(request("c1", on("192.0.2.1"))));
  await machine.run(portmap.add(request("c2", on("192.0.2.2"), { ...PREV, ips: [{ address: "10.1.0.3/24" }] })));
});

Deno.test("conditions keep two containers apart on one host port", async () => {
  const machine = machineWithBridge();
  const from = (cidr: string) => ({ ...mapped(web), conditionsV4: ["-s", cidr] });
  const only4 = (address: string) => ({ ...PREV, ips: [{ address }] });
  await machine.run(portmap.add(request("c1", from("192.0.2.0/25"), only4("10.1.0.2/24"))));
  await machine.run(portmap.add(request("c2", from("192.0.2.128/25"), only4("10.1.0.3/24"))));
  const refused = await machine.run(
    Effect.flip(portmap.add(request("c3", from("192.0.2.0/25"), only4("10.1.0.4/24")))),
  );
  assert.match(refused.message, /"net1\/c1\/eth0" holds it/);
});

Deno.test("route_localnet is set on the link towards the container, once, and only for snat", async () => {
  const machine = machineWithBridge();
  const writes = () => machine.performed.splice(0).filter(({ op }) => op === "sysctl.write");
  await machine.run(portmap.add(request("c0", { ...mapped(web), snat: false })));
  assert.deepEqual(writes(), []);
  await machine.undo(machine.takeUndo());
  await machine.run(portmap.add(request("c1", mapped(web))));
  assert.deepEqual(writes(), [{ op: "sysctl.write", on: "host", key: ROUTE_LOCALNET, value: "1" }]);
  const other = { ...PREV, ips: [{ address: "10.1.0.3/24" }] };
  await machine.run(portmap.add(request("c2", mapped({ ...web, hostPort: 8081 }), other)));
  assert.deepEqual(writes(), []);
});

Deno.test("loopback is guarded before route_localnet opens it", async () => {
  const machine = machineWithBridge();
  await machine.run(portmap.add(request("c1", mapped(web))));
  const guard = machine.performed.findIndex((op) => JSON.stringify(op).includes('"chain":"loopback"'));
  const open = machine.performed.findIndex(({ op }) => op === "sysctl.write");
  assert.ok(guard >= 0 && guard < open, `${guard} ${open}`);
});

Deno.test("a container no route leads to gets its ports without route_localnet", async () => {
  const machine = recipeMachine();
  await machine.run(portmap.add(request("c1", mapped(web))));
  assert.ok(machine.performed.every(({ op }) => op === "nft.apply"));
});

Deno.test("[PM27] udp connections are forgotten before and after the port opens, and after it closed", async () => {
  const machine = machineWithBridge();
  await machine.run(portmap.add(request("c1", mapped(web, { ...dns, hostIP: "192.0.2.1" }, dns))));
  const flush = { op: "conntrack.flush", on: "host", protocol: "udp", port: 5353 };
  const flushes = [{ ...flush, family: 4, address: "192.0.2.1" }, { ...flush, family: 4 }, { ...flush, family: 6 }];
  const elements = machine.performed.findIndex((op) => JSON.stringify(op).includes('"add":"element"'));
  const isFlush = (op: KernelOp) => op.op === "conntrack.flush";
  assert.deepEqual(machine.performed.slice(0, elements).filter(isFlush), flushes);
  assert.deepEqual(machine.performed.slice(elements).filter(isFlush), flushes);
  const undone = machine.takeUndo().toReversed().map(({ op }) => op);
  assert.ok(undone.lastIndexOf("conntrack.flush") > undone.lastIndexOf("nft.apply"), undone.join());
});

Deno.test("[PM18] the next container finds tables, chains and maps there, and makes elements alone", async () => {
  const machine = machineWithBridge();
  await machine.run(portmap.add(request("c1", mapped(web))));
  const first = machine.performed.length;
  const other = { ...PREV, ips: [{ address: "10.1.0.3/24" }, { address: "fd00:1::3/64" }] };
  await machine.run(portmap.add(request("c2", mapped({ ...web, hostPort: 8081 }), other)));
  const made = machine.performed.slice(first).flatMap((op) => op.op === "nft.apply" ? op.commands : []);
  assert.deepEqual([...new Set(made.map((command) => "add" in command ? command.add : command.remove))], ["element"]);
});

Deno.test("[PM17, PM22] undo removes exactly the ports of one container", async () => {
  const machine = machineWithBridge();
  await machine.run(portmap.add(request("c1", mapped(web))));
  machine.takeUndo();
  const before = machine.dump();
  const other = { ...PREV, ips: [{ address: "10.1.0.3/24" }, { address: "fd00:1::3/64" }] };
  await machine.run(portmap.add(request("c2", mapped({ ...web, hostPort: 8081 }, dns), other)));
  assert.notDeepEqual(machine.dump(), before);
  await machine.undo(machine.takeUndo());
  assert.deepEqual(machine.dump(), before);
});

Deno.test("without a log DEL removes the elements that bear the attachment's name, and only those", async () => {
  const machine = machineWithBridge();
  const adopt = (containerId: string, raw: JsonObject, prevResult: CniResult | null = PREV) =>
    machine.run(portmap.adopt?.(request(containerId, raw, prevResult)) ?? Effect.succeed([]));
  assert.deepEqual(await adopt("c1", mapped(web)), []);
  await machine.run(portmap.add(request("c0", mapped({ ...web, hostPort: 1 }), { ...PREV, ips: [] })));
  await machine.run(portmap.add(request("c1", mapped(web, dns))));
  assert.deepEqual(await adopt("c2", mapped(web, dns)), []);
  for (const bare of [await adopt("c1", mapped(web), null), await adopt("c1", {})]) {
    assert.deepEqual(bare.map(({ op }) => op), ["nft.apply"], "without mappings nobody knows what to forget");
  }
  const ops = await adopt("c1", mapped(web, dns));
  assert.deepEqual(ops.map(({ op }) => op), ["nft.apply", "conntrack.flush", "conntrack.flush"]);
  await machine.undo(ops.toReversed());
  const found = await machine.run(
    Effect.flatMap(
      View,
      ({ host }) =>
        Effect.forEach(["hostports4", "snat4", "hostports6", "snat6"], (set) =>
          host.element("host", {
            family: "inet",
            table: "cleat",
            set,
            key: set.startsWith("snat")
              ? [{ ip: set === "snat4" ? "10.1.0.2" : "fd00:1::2" }]
              : [{ protocol: "tcp" }, { port: 8080 }],
          })),
    ),
  );
  assert.deepEqual(found, [null, null, null, null]);
});
