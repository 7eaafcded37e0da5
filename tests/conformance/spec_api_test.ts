/** What Go's library offers, through what mod.ts exports. Numbers are those of checklist.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as library from "../../mod.ts";
import { Machine } from "../support/engine.ts";
import { foreign, printing } from "../support/foreign.ts";

const CNI_PATH = "/opt/foreign";
const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
const C1: library.Attachment = {
  containerId: "c1",
  netns: "/ns/c1",
  ifName: "eth0",
  args: [["K", "V"], ["IgnoreUnknown", "1"]],
  capabilityArgs: { mac: "02:00:00:00:00:01" },
  cniPath: CNI_PATH,
  cacheDir: "/cache",
};

/** A machine on which `one` is somebody else's plugin. */
function machineOf() {
  const { layer, runs } = foreign({ one: printing(RESULT) });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const run = async <A, E>(effect: Effect.Effect<A, E, library.Services>): Promise<A> => {
    const exit = await machine.run(effect);
    assert.ok(Exit.isSuccess(exit), String(exit));
    return exit.value;
  };
  return { machine, runs, run };
}

const LIST = '{"cniVersion":"1.1.0","name":"lab","plugins":[{"type":"one","capabilities":{"mac":true}}]}';
const SINGLE = '{"cniVersion":"1.1.0","name":"lab","type":"one","capabilities":{"mac":true}}';
const networks = {
  "a list": library.parseNetworkList(LIST, "lab.conflist"),
  "a single configuration": Effect.flatMap(
    library.parsePluginConf(SINGLE, "lab.conf"),
    (conf) => library.listFromPluginConf(conf, "lab.conf"),
  ),
};

Deno.test("[C9, H2, H3, H4, H7, H8, H9, H12] all verbs, on a list and on a single configuration as a list of one", async () => {
  for (const [what, parsed] of Object.entries(networks)) {
    const { runs, run } = machineOf();
    const network = Effect.runSync(parsed);
    assert.deepEqual(await run(library.attach(network, C1)), RESULT, what);
    const [{ key, netns, args, capabilityArgs } = {}] = await run(library.cachedAttachments("/cache"));
    assert.deepEqual(key, { network: "lab", containerId: "c1", ifName: "eth0" });
    assert.deepEqual([netns, args, capabilityArgs], [C1.netns, C1.args, C1.capabilityArgs]);
    await run(library.check(network, C1));
    await run(library.status(network, CNI_PATH));
    await run(
      library.gc(network, [{ containerId: "c1", ifName: "eth0" }], { cniPath: CNI_PATH, cacheDir: "/cache" }),
    );
    await run(library.detach(network, C1));
    const commands = runs.map(({ environment }) => environment.CNI_COMMAND);
    assert.deepEqual(commands, ["ADD", "CHECK", "STATUS", "GC", "DEL"], what);
    assert.deepEqual(await run(library.cachedAttachments("/cache")), []);
  }
});

Deno.test("[H25, H26, H29, H30, J84, J86] one plugin is run for each verb, with the environment asked for; only ADD has a result", async () => {
  const { runs, run } = machineOf();
  const call = {
    plugin: "one",
    key: { network: "lab", containerId: "c1", ifName: "eth0" },
    netns: "/ns/c1",
    allowOwnNetns: false,
    args: "K=V",
    path: CNI_PATH,
    config: { cniVersion: "1.1.0", name: "lab", type: "one" },
  };
  for (const command of ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const) {
    const answer = await run(Effect.flatMap(library.Plugins, (plugins) => plugins.invoke({ ...call, command })));
    assert.deepEqual(answer, command === "ADD" ? RESULT : null, command);
  }
  const [add] = runs;
  assert.deepEqual(add?.stdin, call.config);
  assert.deepEqual(add?.environment, {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/ns/c1",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "K=V",
    CNI_PATH,
  });
});

Deno.test("[C66, J61] two interfaces of a container in one network are two attachments in the cache", async () => {
  const { machine, run } = machineOf();
  const network = Effect.runSync(networks["a list"]);
  await run(library.attach(network, C1));
  await run(library.attach(network, { ...C1, ifName: "eth1" }));
  const names = [...machine.files.keys()].filter((path) => path.startsWith("/cache/results/"));
  assert.deepEqual(names.sort(), ["/cache/results/lab-c1-eth0", "/cache/results/lab-c1-eth1"]);
  await run(library.detach(network, C1));
  const left = await run(library.cachedAttachments("/cache"));
  assert.deepEqual(left.map(({ key }) => key.ifName), ["eth1"]);
});

Deno.test("[H42, I29, J41, J134] a damaged or empty entry of the cache keeps no network from being detached", async () => {
  for (const parsed of Object.values(networks)) {
    for (const damage of ["", "{", '{"kind":"cniCacheV1","result":7}', '{"cniVersion":"9.9.9"}']) {
      const { machine, runs, run } = machineOf();
      const network = Effect.runSync(parsed);
      await run(library.attach(network, C1));
      machine.files.set("/cache/results/lab-c1-eth0", damage);
      await run(library.detach(network, C1));
      assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["ADD", "DEL"]);
      assert.equal(machine.files.has("/cache/results/lab-c1-eth0"), false, damage);
    }
  }
});

Deno.test("[I28, A11] GC takes what another runtime left in the shared cache for its own, unless the network says no GC", async () => {
  const theirs = JSON.stringify({
    kind: "cniCacheV1",
    containerId: "theirs",
    config: btoa(LIST),
    ifName: "eth0",
    networkName: "lab",
    netns: "/ns/c1",
    result: RESULT,
  });
  for (const disableGC of [false, true]) {
    const { machine, runs, run } = machineOf();
    machine.files.set("/cache/results/lab-theirs-eth0", theirs);
    const network = Effect.runSync(library.parseNetworkList(JSON.stringify({ ...JSON.parse(LIST), disableGC }), "lab"));
    await run(library.gc(network, [], { cniPath: CNI_PATH, cacheDir: "/cache" }));
    const asked = runs.map(({ environment }) => `${environment.CNI_COMMAND} ${environment.CNI_CONTAINERID}`);
    assert.deepEqual(asked, disableGC ? [] : ["DEL theirs", "GC "]);
    assert.equal(machine.files.has("/cache/results/lab-theirs-eth0"), disableGC);
  }
});

Deno.test("[H31, H32, H35, H36] a result is read from any version, told in any version, and printed", () => {
  for (const version of library.VERSIONS) {
    const json = Effect.runSync(library.renderResult(RESULT, version));
    assert.equal(json.cniVersion, version);
    const back = Effect.runSync(library.parseResult(json, ""));
    assert.deepEqual(back, { ...RESULT, cniVersion: version });
    const text = Effect.runSync(library.printResult(back, version));
    assert.deepEqual(JSON.parse(text), json);
  }
});

Deno.test("[H37, J107, J109] versions are listed in their order, read and compared", () => {
  assert.deepEqual(library.VERSIONS, ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
  assert.equal(library.LATEST, library.VERSIONS.at(-1));
  const since = library.VERSIONS.filter((version) => library.atLeast(version, "0.3.1"));
  assert.deepEqual(since, ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
  assert.deepEqual(library.parseVersion("1.0"), [1, 0, 0]);
  assert.equal(library.parseVersion("v1"), null);
});

Deno.test("[H38, J111] names are checked as every verb checks them", () => {
  assert.deepEqual([library.checkContainerId("c1"), library.checkNetworkName("lab"), library.checkIfName("eth0")], [
    null,
    null,
    null,
  ]);
  assert.equal(library.checkContainerId("")?.code, library.CniCode.UNKNOWN_CONTAINER);
  assert.equal(library.checkNetworkName("../lab")?.code, library.CniCode.INVALID_NETWORK_CONFIG);
  assert.equal(library.checkIfName("eth/0")?.code, library.CniCode.INVALID_ENVIRONMENT);
});

Deno.test("[H33, H44] codes have names, those of STATUS too, and a refusal carries code, message and details", () => {
  const { PLUGIN_NOT_AVAILABLE, LIMITED_CONNECTIVITY } = library.CniCode;
  assert.deepEqual([PLUGIN_NOT_AVAILABLE, LIMITED_CONNECTIVITY], [50, 51]);
  const refused = new library.Refused({ code: LIMITED_CONNECTIVITY, msg: "no daemon", details: "start it" });
  assert.deepEqual([refused.code, refused.msg, refused.details, refused.message], [
    51,
    "no daemon",
    "start it",
    "no daemon; start it",
  ]);
});

Deno.test("[H6, H1] a library needs no options, and looks where libcni looks", async () => {
  await using cleat = new library.Cleat();
  assert.equal((await cleat.parse(LIST)).name, "lab");
  assert.equal(library.DEFAULT_CACHE_DIR, "/var/lib/cni");
});

Deno.test("[I3] numbers are those of JavaScript: above 2^53 they lose digits, as Go's do", () => {
  const parsed = Effect.runSync(
    library.parseNetworkList('{"name":"n","plugins":[{"type":"a","big":9007199254740993,"small":0.1}]}', "n.conflist"),
  );
  assert.deepEqual(parsed.plugins[0]?.raw, { type: "a", big: 9007199254740992, small: 0.1 });
  assert.ok(parsed.raw.includes("9007199254740993"), "the text is kept");
});
