import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { Request } from "../../../src/engine/plugin.ts";
import { View } from "../../../src/engine/view.ts";
import { spoofCheck } from "../../../src/plugins/spoof_check.ts";
import { tuning } from "../../../src/plugins/tuning.ts";
import { readTuning, type TuningConfig } from "../../../src/plugins/tuning_config.ts";
import { ALLOW_LIST, checkAllowed, duplicatedSysctl, sysctlPath } from "../../../src/plugins/tuning_sysctl.ts";
import { parseArgs } from "../../../src/spec/args.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import type { CniResult } from "../../../src/spec/result.ts";
import { NETNS, recipeMachine } from "../../support/recipe.ts";

const KEY = { network: "net1", containerId: "c1", ifName: "eth0" };
const OLD = "02:00:00:00:00:01";
const NEW = "c2:11:22:33:44:55";

const PREV: CniResult = {
  cniVersion: "1.0.0",
  interfaces: [
    { name: "veth1", mac: "02:00:00:00:00:02" },
    { name: "eth0", mac: OLD, sandbox: NETNS },
    { name: "eth0", mac: "02:00:00:00:00:03" },
  ],
  ips: [{ address: "10.0.0.2/24", interface: 1 }],
};

const CREATE: KernelOp = {
  op: "link.create",
  on: "host",
  name: "veth1",
  link: { kind: "veth", peer: { on: "container", name: "eth0", mac: OLD } },
};

const machineWithLink = (files: Readonly<Record<string, string>> = {}) => {
  const machine = recipeMachine(files);
  machine.drift(NETNS, CREATE);
  return machine;
};

const request = (raw: JsonObject, args = "", prevResult: CniResult | null = PREV): Request<TuningConfig> => ({
  key: KEY,
  netns: { path: NETNS, cookie: "2" },
  config: Effect.runSync(decodeConfig(tuning.config, raw)),
  raw,
  cniVersion: "1.0.0",
  args: Effect.runSync(parseArgs(args)),
  prevResult,
});

const settings = (raw: JsonObject, args = "") => {
  const { config, args: parsed } = request(raw, args);
  return Effect.runSync(readTuning(config, parsed, "eth0"));
};
const refusal = (raw: JsonObject, args = "") => {
  const { config, args: parsed } = request(raw, args);
  return Effect.runSync(Effect.flip(readTuning(config, parsed, "eth0")));
};
const eth0 = Effect.flatMap(View, ({ host }) => host.link("container", "eth0"));

/** ADD, what it did to the link, and whether undo takes all of it back. */
const addAndUndo = async (raw: JsonObject, args = "", files: Readonly<Record<string, string>> = {}) => {
  const machine = machineWithLink(files);
  const before = machine.dump();
  const result = await machine.run(tuning.add(request(raw, args)));
  const link = await machine.run(eth0);
  await machine.undo(machine.takeUndo());
  assert.deepEqual(machine.dump(), before);
  return { result, link, performed: machine.performed };
};

Deno.test("[C26, F19, TU1] sysctls alone leave prevResult as it is, and are restored", async () => {
  const { result, performed } = await addAndUndo({ sysctl: { "net.ipv4.conf.all.log_martians": "1" } });
  assert.deepEqual(result, PREV);
  assert.deepEqual(performed, [
    { op: "sysctl.write", on: "container", key: "net/ipv4/conf/all/log_martians", value: "1" },
  ]);
});

Deno.test("[TU2, TU3] promisc is turned on and restored, also from args", async () => {
  assert.equal((await addAndUndo({ promisc: true })).link?.promisc, true);
  assert.equal((await addAndUndo({ args: { cni: { promisc: true } } })).link?.promisc, true);
  assert.deepEqual((await addAndUndo({ promisc: false })).performed, []);
});

Deno.test("[TU4, TU5] the MTU is set and restored, args before the top level, 0 leaves it", async () => {
  assert.equal((await addAndUndo({ mtu: 1454 })).link?.mtu, 1454);
  assert.equal((await addAndUndo({ mtu: 4000, args: { cni: { mtu: 1454 } } })).link?.mtu, 1454);
  assert.equal((await addAndUndo({ mtu: 1454, args: { cni: { mtu: 0 } } })).link?.mtu, 1454);
  assert.deepEqual((await addAndUndo({ mtu: 0 })).performed, []);
});

Deno.test("[TU6, TU7] the queue length is set and restored, and 0 is a length", async () => {
  assert.equal((await addAndUndo({ txQLen: 20_000 })).link?.txQueueLen, 20_000);
  assert.equal((await addAndUndo({ txQLen: 1, args: { cni: { txQLen: 20_000 } } })).link?.txQueueLen, 20_000);
  assert.equal((await addAndUndo({ txQLen: 0 })).link?.txQueueLen, 0);
});

Deno.test("[TU8] a MAC of the configuration is on the link and in the result, and restored", async () => {
  const { result, link } = await addAndUndo({ mac: "C2-11-22-33-44-55" });
  assert.equal(link?.mac, NEW);
  assert.deepEqual(result.interfaces?.map(({ mac }) => mac), ["02:00:00:00:00:02", NEW, "02:00:00:00:00:03"]);
  assert.deepEqual({ ...result, interfaces: PREV.interfaces }, PREV);
});

Deno.test("[F1, F8, F15, TU9, TU10, TU11] of several MACs args.cni beats runtimeConfig, CNI_ARGS and mac, in this order", () => {
  const mac = (last: number) => `02:00:00:00:00:0${last}`;
  const all = { mac: mac(1), RuntimeConfig: { mac: mac(3) }, args: { cni: { mac: mac(4) } } };
  const args = `IgnoreUnknown=true;MAC=${mac(2)};IP=10.0.0.1`;
  assert.equal(settings(all, args).link.mac, mac(4));
  assert.equal(settings({ ...all, args: {} }, args).link.mac, mac(3));
  assert.equal(settings({ mac: mac(1) }, args).link.mac, mac(2));
  assert.equal(settings({ mac: mac(1) }).link.mac, mac(1));
  assert.equal(settings({ mac: "" }).link.mac, undefined);
});

Deno.test("[TU12] all attributes are one request to the kernel after the sysctls", async () => {
  const { link, performed } = await addAndUndo({
    dataDir: "/tmp/elsewhere",
    sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" },
    mac: NEW,
    mtu: 1454,
    promisc: true,
    allmulti: true,
    txQLen: 20_000,
  });
  assert.deepEqual(performed.map(({ op }) => op), ["sysctl.write", "link.set"]);
  assert.deepEqual([link?.mac, link?.mtu, link?.promisc, link?.allmulti, link?.txQueueLen], [
    NEW,
    1454,
    true,
    true,
    20_000,
  ]);
});

Deno.test("[TU13, TU14] allmulti acts both ways, also from args, and absent it is left", () => {
  assert.deepEqual(settings({ allmulti: true }).link, { allmulti: true });
  assert.deepEqual(settings({ allmulti: false }).link, { allmulti: false });
  assert.deepEqual(settings({ allmulti: false, args: { cni: { allmulti: true } } }).link, { allmulti: true });
  assert.deepEqual(settings({}).link, {});
});

Deno.test("[TU15] a sysctl the allow list does not match is refused before anything is changed", async () => {
  const machine = machineWithLink({ [ALLOW_LIST]: "^net.ipv4.conf.other$\n" });
  const raw = { mtu: 1454, sysctl: { "net.ipv4.conf.all.log_martians": "1" } };
  const refused = await machine.run(Effect.flip(tuning.add(request(raw))));
  assert.match(
    refused.message,
    /"net\.ipv4\.conf\.all\.log_martians": it is not allowed; .*\^net\.ipv4\.conf\.other\$/,
  );
  assert.deepEqual(machine.asked, []);
});

Deno.test("[TU16] a sysctl the allow list matches is set", async () => {
  const files = { [ALLOW_LIST]: "^net\\.ipv4\\.conf\\.(all|IFNAME)\\.[a-z_]*$\n" };
  const { performed } = await addAndUndo({ sysctl: { "net.ipv4.conf.all.log_martians": "1" } }, "", files);
  assert.equal(performed.length, 1);
});

Deno.test("allow list lines are unanchored regular expressions in Go's syntax over keys as written", () => {
  const allows = (list: string, key: string) => Effect.runSyncExit(checkAllowed(list, [key]))._tag === "Success";
  assert.ok(allows("ipv4.conf", "net.ipv4.conf.IFNAME.arp_filter"));
  assert.ok(allows("  \n(?i)NET\\.CORE\n", "net.core.somaxconn"));
  assert.ok(allows("\\Anet/(?P<family>ipv6)/\\z|x", "net/ipv6/"));
  assert.ok(!allows("^ipv4", "net.ipv4.ip_forward"));
  assert.ok(!allows("", "net.core.somaxconn"));
  assert.ok(!allows("net\\.core", "net/core/somaxconn"));
});

Deno.test("an allow list line that is no regular expression is refused, naming it", () => {
  const refused = Effect.runSync(Effect.flip(checkAllowed("net.core\n(", ["net.core.somaxconn"])));
  assert.match(refused.msg, /allowlist\.conf": "\(" is not a regular expression/);
});

Deno.test("[TU17] a key written twice in sysctl is seen in the text, and only there", () => {
  const twice = '{"name": "n", "SysCtl": {"net.a": "1", "net.b": "net.a", "net.\\u0061": "2"}}';
  assert.equal(duplicatedSysctl(twice), "net.a");
  const others = [
    '{"sysctl": {"net.a": "1", "net.b": "1"}, "args": {"cni": {"sysctl": {"net.a": "1", "net.a": "2"}}}}',
    '{"mac": "x", "mac": "sysctl", "foo": {"a": 1, "a": 2}}',
    '{"plugins": [{"sysctl": {"net.a": "1"}}, {"sysctl": {"net.a": "1"}}], "sysctl": {}}',
    '{"sysctl": {"net.a": ["net.b", {"net.a": 1}], "net.b": "}"}}',
    '{"sysctl": "unfinished',
    "[]",
    "",
  ];
  for (const text of others) assert.equal(duplicatedSysctl(text), null, text);
});

Deno.test("keys become paths, and nothing outside of net is reached", () => {
  const paths: readonly (readonly [string, string | null])[] = [
    ["net.ipv4.conf.IFNAME.arp_filter", "net/ipv4/conf/eth0.7/arp_filter"],
    ["net/ipv4/conf/IFNAME/arp_filter", "net/ipv4/conf/eth0.7/arp_filter"],
    ["net/ipv4/conf/eth1.100/arp_filter", "net/ipv4/conf/eth1.100/arp_filter"],
    ["net.ipv4.conf.eth1/100.arp_filter", "net/ipv4/conf/eth1.100/arp_filter"],
    ["net.core.somaxconn", "net/core/somaxconn"],
    ["net/../net/core/./somaxconn", "net/core/somaxconn"],
    ["kernel.hostname", null],
    ["net/../kernel/hostname", null],
    ["/net/core/somaxconn", "net/core/somaxconn"],
    ["net/core/../../../net/core/somaxconn", "net/core/somaxconn"],
    ["net", null],
    ["network.x", null],
    ["", null],
  ];
  for (const [key, path] of paths) assert.equal(sysctlPath(key, "eth0.7"), path, key);
});

Deno.test("args.cni.sysctl is merged key by key, also without a top-level sysctl", () => {
  const merged = settings({ sysctl: { "net.a": "1", "net.b": "1" }, args: { cni: { sysctl: { "net.b": "2" } } } });
  assert.deepEqual(merged.sysctls.map(({ key, value }) => `${key}=${value}`), ["net.a=1", "net.b=2"]);
  assert.equal(settings({ args: { cni: { sysctl: { "net.b": "2" } } } }).sysctls.length, 1);
});

Deno.test("everything wrong with a configuration is refused before the first sysctl is written", () => {
  assert.match(refusal({ sysctl: { "kernel.hostname": "x" } }).msg, /"kernel\.hostname": it is not below net/);
  assert.match(refusal({}, "MAC=zz").msg, /MAC=zz: it is not an Ethernet address/);
  assert.match(refusal({}, "IP=10.0.0.1").msg, /"IP=10\.0\.0\.1": unknown keys/);
  const undecodable = [{ mtu: -1 }, { txQLen: 1.5 }, { mac: "zz" }, { promisc: "true" }, { sysctl: { "net.a": 1 } }];
  for (const raw of undecodable) {
    const refused = Effect.runSync(Effect.flip(decodeConfig(tuning.config, raw)));
    assert.match(refused.msg, new RegExp(`^Cannot use "${Object.keys(raw)[0]}`));
  }
});

Deno.test("a sysctl the container does not have is refused before anything is changed", async () => {
  const machine = machineWithLink();
  const raw = { sysctl: { "net.ipv4.conf.all.log_martians": "1", "net.ipv4.nonsense": "1" } };
  const refused = await machine.run(Effect.flip(tuning.add(request(raw))));
  assert.match(refused.message, /"net\.ipv4\.nonsense": there is no \/proc\/sys\/net\/ipv4\/nonsense/);
  assert.deepEqual(machine.asked, []);
});

Deno.test("ADD and CHECK without prevResult say so", async () => {
  const machine = machineWithLink();
  const refused = await machine.run(Effect.flip(tuning.add(request({ mtu: 1454 }, "", null))));
  assert.match(refused.message, /must be called as chained plugin/);
  const findings = await machine.run(tuning.check?.(request({}, "", null)) ?? Effect.succeed([]));
  assert.match(findings[0] ?? "", /prevResult is missing/);
  assert.deepEqual(await machine.run(tuning.check?.(request({})) ?? Effect.succeed(["none"])), []);
});

Deno.test("a new MAC is allowed by the spoof check of this attachment, and by no other's", async () => {
  const machine = machineWithLink();
  const check = (containerId: string, hostVeth: string) =>
    machine.run(spoofCheck({ key: { ...KEY, containerId }, hostVeth, mac: OLD }));
  await check("c1", "veth1");
  await check("c2", "eth0");
  machine.takeUndo();
  const before = machine.dump();
  machine.performed.length = 0;
  await machine.run(tuning.add(request({ mac: NEW })));
  assert.deepEqual(machine.performed.map(({ op }) => op), ["nft.apply", "link.set"]);
  assert.match(JSON.stringify(machine.performed[0]), new RegExp(`"ifName":"veth1"},{"mac":"${NEW}"`));
  await machine.undo(machine.takeUndo());
  assert.deepEqual(machine.dump(), before);
});

Deno.test("without a log DEL restores what Go's plugin saved, and throws it away", async () => {
  const path = "/run/cni/tuning/c1_eth0.json";
  const saved = JSON.stringify({ mac: OLD, promisc: false, mtu: 1500, allmulti: false, txQLen: 1000 }, null, 1);
  const adopt = (files: Readonly<Record<string, string>>, withLink = true) => {
    const machine = withLink ? machineWithLink(files) : recipeMachine(files);
    return machine.run(tuning.adopt?.(request({})) ?? Effect.succeed([]));
  };
  const set = { mac: OLD, promisc: false, mtu: 1500, allmulti: false, txQueueLen: 1000 };
  const thrown = { op: "backup.delete", dataDir: "/run/cni/tuning", owner: { containerId: "c1", ifName: "eth0" } };
  const put = { op: "link.set", on: "container", name: "eth0", set };
  assert.deepEqual(await adopt({ [path]: saved }), [put, thrown]);
  assert.deepEqual(await adopt({ [path]: saved }, false), [thrown], "the link is gone");
  for (const text of ["", "[]", "{}", '{"mac": 7}']) assert.deepEqual(await adopt({ [path]: text }), [thrown], text);
  assert.deepEqual(await adopt({}), []);
});
