/** The conventions of the three channels to a plugin. Numbers are those of checklist.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { parseArgs } from "../../src/spec/args.ts";
import type { Json, JsonObject } from "../../src/spec/json.ts";
import { deriveRequestConfig, parseNetworkList } from "../../src/spec/network_list.ts";
import { parseRequestConfig } from "../../src/spec/request_config.ts";
import { Machine } from "../support/engine.ts";
import { foreign, printing } from "../support/foreign.ts";
import { ok } from "../support/outcomes.ts";

const BURST = 2 ** 32 - 1;

/** What a runtime sends under each well-known name, and what containerd, CRI-O and Multus make of some: it stays so. */
const CONVENTIONAL: readonly (readonly [name: string, capability: string, value: Json])[] = [
  ["[F3] portMappings reach whoever asks for them", "portMappings", [{
    hostPort: 9000,
    containerPort: 90,
    protocol: "udp",
    hostIP: "",
  }]],
  ["[F4] ipRanges reach whoever asks for them", "ipRanges", [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.9" }], [{
    subnet: "fd00::/64",
  }]]],
  ["[F5, I37, J26] the bandwidth reaches whoever asks for it", "bandwidth", {
    ingressRate: 800000,
    ingressBurst: BURST,
    egressRate: 0,
    egressBurst: 1,
  }],
  ["[F6] dns reaches whoever asks for it", "dns", {
    servers: ["10.1.0.53"],
    searches: ["lab.test"],
    options: ["ndots:2"],
  }],
  ["[F7] ips reach whoever asks for them", "ips", ["10.1.0.9/24", "fd00::9"]],
  ["[F8, J25, J26] mac reaches whoever asks for it", "mac", "02:00:00:00:00:09"],
  ["[F9] infinibandGUID reaches whoever asks for it", "infinibandGUID", "c2:11:22:33:44:55:66:77"],
  ["[F10] deviceID reaches whoever asks for it", "deviceID", "0000:04:00.5"],
  ["[F11] aliases reach whoever asks for them", "aliases", ["web", "db"]],
  ["[F11] aliases by network reach whoever asks for them", "aliases", { lab: ["web"] }],
  ["[F12] cgroupPath reaches whoever asks for it", "cgroupPath", "/kubepods/pod1"],
  ["[F13] annotations of a pod reach whoever asks for them", "io.kubernetes.cri.pod-annotations", { "a/b": "c" }],
  ["[F13] a file about a device reaches whoever asks for it", "CNIDeviceInfoFile", "/var/run/k8s.cni.cncf.io/devinfo"],
];

for (const [name, capability, value] of CONVENTIONAL) {
  Deno.test(name, async () => {
    const result = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
    const { layer, runs } = foreign({ one: printing(result), two: printing(result) });
    const machine = new Machine(new Map(), {}, layer);
    machine.kernel.addNetns("/ns/c1");
    const plugins = [{ type: "one", capabilities: { [capability]: true } }, { type: "two" }];
    const text = JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins });
    const list = Effect.runSync(parseNetworkList(text, "a test"));
    const capabilityArgs = { [capability]: value, other: 1 };
    const c1 = {
      containerId: "c1",
      netns: "/ns/c1",
      ifName: "eth0",
      args: [],
      capabilityArgs,
      cniPath: "/opt/foreign",
    };
    ok(await machine.network("ADD", list, { ...c1, cacheDir: "/cache" }));
    assert.deepEqual(runs.map(({ stdin }) => stdin.runtimeConfig), [{ [capability]: value }, undefined]);
  });
}

const derive = (raw: JsonObject, capabilityArgs: JsonObject = {}) =>
  deriveRequestConfig({ name: "lab", cniVersion: "1.1.0" }, { type: "p", capabilities: { mac: true }, raw }, {
    command: "ADD",
    capabilityArgs,
  });

Deno.test("[F16] args reach a plugin as they are stored, and are never made", () => {
  const args = { cni: { labels: [{ key: "app", value: "web" }], ips: ["10.1.0.9"] }, mine: { any: [1] } };
  assert.deepEqual(derive({ type: "p", args }, { mac: "02:00:00:00:00:09" }).args, args);
  assert.equal("args" in derive({ type: "p" }, { mac: "02:00:00:00:00:09" }), false);
});

Deno.test("[F1, F14] args nobody understands are no error, and labels are read as they came", () => {
  const args = { cni: { labels: [{ key: "app", value: "web" }] }, of: "another plugin" };
  const text = JSON.stringify({ cniVersion: "1.1.0", name: "lab", type: "p", args });
  assert.deepEqual(Effect.runSync(parseRequestConfig(text, "ADD")).args, args);
});

Deno.test("[F18, I16] what Kubernetes' runtimes send in CNI_ARGS is read in any order", () => {
  const pairs = [
    "IgnoreUnknown=1",
    "K8S_POD_NAMESPACE=default",
    "K8S_POD_NAME=web-0",
    "K8S_POD_INFRA_CONTAINER_ID=c1",
    "K8S_POD_UID=4b1d",
  ];
  const read = (order: readonly string[]) => [...Effect.runSync(parseArgs(order.join(";")))].sort();
  assert.deepEqual(read(pairs.toReversed()), read(pairs));
  assert.deepEqual(read(pairs).map((pair) => pair.join("=")), pairs.toSorted());
});
