/** The bandwidth plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { VERSIONS_WITH_INTERFACES } from "../../../src/spec/released_versions.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { bandwidthConf, bandwidthMachine, IFB, LIMITS, pairOf, resultOf } from "../../support/bandwidth_machine.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { withPrev } from "../../support/plugin_machine.ts";

const { ingressRate, ingressBurst, egressRate, egressBurst } = LIMITS;
const IN = { ingressRate, ingressBurst };
const OUT = { egressRate, egressBurst };
const ALL = { match: undefined, flow: "1:1", redirect: IFB };

const BUCKET_IN = { kind: "tbf", rate: 1_000_000, burst: 100_000, limit: 125_000 };
const BUCKET_OUT = { kind: "tbf", rate: 2_000_000, burst: 50_000, limit: 100_000 };

for (const version of VERSIONS_WITH_INTERFACES) {
  Deno.test(`[BW1, BW7] ${version}: both directions, CHECK, and DEL that leaves nothing`, async () => {
    const { run, queues, host, state, machine } = bandwidthMachine();
    const before = state();
    const config = bandwidthConf(LIMITS, version);
    const made = result(await run("ADD", config));
    const { kind, mtu, up, mac } = host().links[IFB] ?? {};
    assert.deepEqual([kind, mtu, up], ["ifb", 1_400, true]);
    assert.deepEqual(made.interfaces, [...interfacesOf(config), { name: IFB, mac }]);
    const { root, ingress } = queues("veth1");
    assert.deepEqual([root?.handle, root?.qdisc], ["1:", BUCKET_IN]);
    assert.deepEqual([ingress?.handle, ingress?.filters.length], ["ffff:", 1]);
    const [{ match, flow, redirect } = {}] = ingress?.filters ?? [];
    assert.deepEqual({ match, flow, redirect }, ALL);
    assert.deepEqual(queues(IFB).root?.qdisc, BUCKET_OUT);
    if (version >= "0.4.0") done(await run("CHECK", withPrev(config, made)));
    for (const _ of [1, 2]) done(await run("DEL", config));
    assert.deepEqual(state(), before);
    const stream = { network: "net1", containerId: "c1", ifName: "eth0", slot: "bandwidth" };
    assert.equal(await machine.stateOf(stream), "detached");
  });
}

const interfacesOf = ({ prevResult }: JsonObject) => (prevResult as unknown as { interfaces: unknown[] }).interfaces;

Deno.test("[BW2] without a limit towards the container there is no bucket on the host end", async () => {
  const { run, queues } = bandwidthMachine();
  result(await run("ADD", bandwidthConf({ ...OUT, ingressRate: 0, ingressBurst: 0 })));
  assert.deepEqual([queues("veth1").root, queues(IFB).root?.qdisc], [undefined, BUCKET_OUT]);
});

Deno.test("[BW3] without a limit from the container there is no ifb, and the bucket follows from the numbers", async () => {
  const { run, queues, host } = bandwidthMachine();
  const made = result(await run("ADD", bandwidthConf(IN)));
  assert.deepEqual(made.interfaces, interfacesOf(bandwidthConf(IN)));
  assert.deepEqual([host().links[IFB], Object.keys(queues("veth1"))], [undefined, ["root"]]);
  assert.deepEqual(queues("veth1").root?.qdisc, BUCKET_IN);
});

Deno.test("[BW3] a burst that is smaller than a frame becomes as large as one", async () => {
  const { run, queues } = bandwidthMachine();
  result(await run("ADD", bandwidthConf({ ingressRate: 8_000, ingressBurst: 80 })));
  assert.deepEqual(queues("veth1").root?.qdisc, { kind: "tbf", rate: 1_000, burst: 1_414, limit: 1_439 });
});

Deno.test("[BW5] limits by the capability, whatever the case of its name", async () => {
  for (const name of ["bandwidth", "bandWidth"]) {
    const { run, queues } = bandwidthMachine();
    result(await run("ADD", bandwidthConf({ runtimeConfig: { [name]: LIMITS } })));
    assert.deepEqual([queues("veth1").root?.qdisc, queues(IFB).root?.qdisc], [BUCKET_IN, BUCKET_OUT]);
  }
});

Deno.test("[BW6] limits of the configuration beat those of the capability; zeros are none", async () => {
  const both = bandwidthMachine();
  const other = { ingressRate: 80_000_000, ingressBurst: 800_000 };
  result(await both.run("ADD", bandwidthConf({ ...IN, runtimeConfig: { bandwidth: { ...other, ...OUT } } })));
  assert.deepEqual([both.queues("veth1").root?.qdisc, both.host().links[IFB]], [BUCKET_IN, undefined]);
  const zeros = bandwidthMachine();
  const none = { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 };
  result(await zeros.run("ADD", bandwidthConf({ ...none, runtimeConfig: { bandwidth: LIMITS } })));
  assert.deepEqual(zeros.queues("veth1").root?.qdisc, BUCKET_IN);
  const wrong = bandwidthConf({ ingressBurst, runtimeConfig: { bandwidth: LIMITS } });
  assert.match(failure(await both.run("ADD", wrong, another)).msg, /"ingressBurst" without "ingressRate"/);
});

/** An attachment that has not been tried yet. */
const another = { key: { network: "net1", containerId: "c2", ifName: "eth0" } };

const MISTAKES: readonly (readonly [string, JsonObject, RegExp])[] = [
  ["[BW4, BW13] a burst without a rate", { ingressBurst: 80 }, /"ingressBurst" without "ingressRate"/],
  ["[BW13] a rate without a burst", { egressRate: 80 }, /"egressRate" without "egressBurst"/],
  [
    "[BW13] a burst of 4 GiB",
    { ingressRate: 8e9, ingressBurst: 8 * (2 ** 32 - 1) },
    /"ingressBurst": \d+ bits are 4 GiB/,
  ],
  ["less than a byte per second", { egressRate: 7, egressBurst: 80 }, /"egressRate": 7 bits per second/],
  ["a negative rate", { egressRate: -8, egressBurst: 80 }, /"egressRate": -8 is not a whole number/],
  ["a fraction", { egressRate: 8.5, egressBurst: 80 }, /"egressRate": 8.5 is not/],
  ["a text", { egressRate: "8k", egressBurst: 80 }, /"egressRate": "8k" is not/],
  ["both kinds of subnets", { ...IN, shapedSubnets: ["10.0.0.0/8"], unshapedSubnets: ["::/0"] }, /together/],
  ["a subnet that is none", { ...IN, unshapedSubnets: ["10.0.0.0/8", "hello"] }, /"unshapedSubnets\[1\]": "hello"/],
];

for (const [name, settings, words] of MISTAKES) {
  Deno.test(`${name} is refused before anything is done`, async () => {
    const { run, ops } = bandwidthMachine();
    const { code, msg } = failure(await run("ADD", bandwidthConf(settings)));
    assert.equal(code, 7);
    assert.match(msg, words);
    assert.deepEqual(ops, []);
  });
}

Deno.test("[BW13] a burst of two bytes less than 4 GiB is one", async () => {
  const { run, queues } = bandwidthMachine();
  result(await run("ADD", bandwidthConf({ ingressRate: 8e9, ingressBurst: 8 * (2 ** 32 - 2) })));
  assert.deepEqual(queues("veth1").root?.qdisc, { kind: "tbf", rate: 1e9, burst: 2 ** 32 - 2, limit: 2 ** 32 - 1 });
});

Deno.test("[BW8] of several host ends in the previous result the container's peer is taken", async () => {
  const { run, queues } = bandwidthMachine([...pairOf("veth7", "net7"), ...pairOf("veth9", "net9")]);
  const prevResult = resultOf("1.1.0", "veth9", "veth1", "veth7");
  result(await run("ADD", bandwidthConf({ ...LIMITS, prevResult })));
  assert.deepEqual(["veth1", "veth7", "veth9"].map((name) => Object.keys(queues(name)).length), [2, 0, 0]);
});

Deno.test("[BW9, BW10, BW11] what has no host end that the previous result names is refused, saying why", async () => {
  const over: KernelOp = {
    op: "link.create",
    on: "container",
    name: "mac0",
    link: { kind: "macvlan", mode: "bridge", parent: { on: "container", name: "eth0" } },
  };
  const inside: KernelOp = {
    op: "link.create",
    on: "container",
    name: "net3",
    link: { kind: "veth", peer: { on: "container", name: "net4" } },
  };
  const cases = [
    ["mac0", {}, /"mac0" in the container is of kind "macvlan" and has no veth peer/],
    ["net3", {}, /the veth peer of "net3" is not on the host/],
    ["none", {}, /there is no link "none" in the container/],
    ["eth0", { prevResult: { cniVersion: "1.1.0" } }, /"prevResult" has no interfaces/],
    ["eth0", { prevResult: resultOf("1.1.0", "veth7") }, /"eth0" is "veth1", which is not among/],
    ["eth0", { prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "veth1", sandbox: "/ns/c1" }] } }, /not among/],
  ] as const;
  for (const [ifName, settings, words] of cases) {
    const { run, ops } = bandwidthMachine([over, inside]);
    const key = { network: "net1", containerId: "c1", ifName };
    const refused = failure(await run("ADD", bandwidthConf({ ...LIMITS, ...settings }), { key }));
    assert.equal(refused.code, 7);
    assert.match(refused.msg, /^Cannot limit "c1": /);
    assert.match(refused.msg, words);
    assert.deepEqual(ops, []);
  }
});

Deno.test("without limits the previous result is the result, whatever the interface is; without that it is refused", async () => {
  for (const settings of [{}, { ingressRate: 0, ingressBurst: 0 }, { runtimeConfig: { bandwidth: {} } }]) {
    const { run, ops } = bandwidthMachine();
    const config = bandwidthConf({ ...settings, prevResult: resultOf("1.1.0", "elsewhere") });
    const made = result(await run("ADD", config));
    assert.deepEqual([made.interfaces, ops], [interfacesOf(config), []]);
    done(await run("CHECK", config));
    done(await run("DEL", config));
    const { prevResult: _, ...bare } = config;
    assert.match(failure(await run("ADD", bare)).msg, /prevResult is missing: bandwidth must be called as chained/);
  }
});

Deno.test("a host end whose traffic somebody else controls is refused before anything is made", async () => {
  const foreign: readonly KernelOp[] = [
    { op: "qdisc.add", on: "host", link: "veth1", parent: "root", handle: "8:", qdisc: { kind: "htb" } },
    { op: "qdisc.add", on: "host", link: "veth1", parent: "ingress", handle: "ffff:", qdisc: { kind: "ingress" } },
  ];
  for (const [at, settings, words] of [[0, IN, /htb 8: at root/], [1, OUT, /ingress ffff: at ingress/]] as const) {
    const { run, ops } = bandwidthMachine(foreign.slice(at, at + 1));
    const { code, msg } = failure(await run("ADD", bandwidthConf(settings)));
    assert.deepEqual([code, words.test(msg), ops], [102, true, []], msg);
    done(await run("DEL", bandwidthConf(settings)));
  }
});

Deno.test("a kernel without ifb is named as what is missing", async () => {
  const { run, state } = bandwidthMachine([], { missing: ["ifb"] });
  const before = state();
  const { code, msg, details } = failure(await run("ADD", bandwidthConf(LIMITS)));
  assert.deepEqual(
    [code, /no links of kind "ifb"/.test(msg), details],
    [50, true, "load its module: modprobe ifb"],
    msg,
  );
  assert.deepEqual(state(), before);
});

Deno.test("two interfaces of a container on one network have an ifb each", async () => {
  const { run, state, host } = bandwidthMachine(pairOf("veth2", "eth1"));
  const before = state();
  const second = { key: { network: "net1", containerId: "c1", ifName: "eth1" } };
  const config = bandwidthConf({
    ...OUT,
    prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "veth2" }, { name: "eth1", sandbox: "/ns/c1" }] },
  });
  result(await run("ADD", bandwidthConf(OUT)));
  result(await run("ADD", config, second));
  assert.equal(Object.values(host().links).filter(({ kind }) => kind === "ifb").length, 2);
  done(await run("CHECK", config, second));
  done(await run("DEL", bandwidthConf(OUT)));
  done(await run("CHECK", config, second));
  done(await run("DEL", config, second));
  assert.deepEqual(state(), before);
});

Deno.test("an ifb of that name that is nobody's is refused, naming DEL, and DEL removes it", async () => {
  const { run, state } = bandwidthMachine();
  const before = state();
  const left = bandwidthMachine([{ op: "link.create", on: "host", name: IFB, link: { kind: "ifb" } }]);
  const { code, details } = failure(await left.run("ADD", bandwidthConf(OUT)));
  assert.deepEqual([code, /run DEL for this attachment first/.test(details ?? "")], [102, true]);
  done(await left.run("DEL", bandwidthConf(OUT)));
  result(await left.run("ADD", bandwidthConf(OUT)));
  done(await left.run("DEL", bandwidthConf(OUT)));
  assert.deepEqual(left.state(), before);
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "bandwidth" }));
});
