/** GC of a network: what is removed, what stays, whom it asks, and how it fails. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { emptyTail, encodeEvents } from "../../../src/effects/log/format.ts";
import { gc, type GcOptions, type ValidAttachment } from "../../../src/runtime/gc.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { runCommand } from "../../../src/engine/run_command.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { type NetworkList, parseNetworkList } from "../../../src/spec/network_list.ts";
import { commandOf, Machine, outcomeOf } from "../../support/engine.ts";
import { type Answer, foreign, printing, type Run } from "../../support/foreign.ts";
import { eventsOf, failed, ok, readingOf, streamOf, wordsOf } from "../../support/outcomes.ts";
import { origin } from "../../support/stores.ts";
import { toy, toys } from "../../support/toy_plugins.ts";

const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
const CACHE = "/cache/results";

const listOf = (more: JsonObject = {}, types: readonly string[] = ["them"]): NetworkList => {
  const plugins = types.map((type) => ({ type, capabilities: { mac: true } }));
  return Effect.runSync(
    parseNetworkList(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins, ...more }), "a test"),
  );
};
const LIST = listOf();

const container = (containerId: string, ifName = "eth0"): Attachment => ({
  containerId,
  netns: `/ns/${containerId}`,
  ifName,
  args: [["K", containerId]],
  capabilityArgs: { mac: "02:00:00:00:00:01" },
  cacheDir: "/cache",
});

/** A machine with foreign plugins, on which some containers are attached to some networks. */
async function machineOf(
  answers: Readonly<Record<string, Answer>>,
  attached: readonly (readonly [NetworkList, Attachment])[],
  registry = toys(),
) {
  const { layer, runs } = foreign(answers);
  const machine = new Machine(registry, {}, layer);
  for (const id of ["c1", "c2", "c3"]) machine.kernel.addNetns(`/ns/${id}`);
  for (const [list, attachment] of attached) ok(await machine.network("ADD", list, attachment));
  runs.length = 0;
  return { machine, runs };
}

const collect = async (
  machine: Machine,
  list: NetworkList,
  valid: readonly ValidAttachment[] | null,
  options: GcOptions = { cacheDir: "/cache" },
) => outcomeOf(await machine.run(gc(list, valid, options)));

const callsOf = (runs: readonly Run[]): readonly string[] =>
  runs.map(({ environment: { CNI_COMMAND, CNI_CONTAINERID, CNI_IFNAME } }) =>
    [CNI_COMMAND, CNI_CONTAINERID, CNI_IFNAME].filter((part) => part).join(" ")
  );

/** The machine after its logs were lost: what the cache of another runtime looks like. */
const withoutLog = (machine: Machine, layer: ReturnType<typeof foreign>["layer"]): Machine =>
  Object.assign(new Machine(toys(), {}, layer), { kernel: machine.kernel, files: machine.files });

const BOTH = [[LIST, container("c1")], [LIST, container("c2")]] as const;
const valid = (containerId: string, ifName = "eth0"): ValidAttachment => ({ containerId, ifName });

Deno.test("[C14, C46, C48, C49, J58] GC runs DEL for what is not valid, then GC of every plugin with what is", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, BOTH);
  ok(await collect(machine, LIST, [valid("c2")]));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "GC"]);
  const named = [{ containerID: "c2", ifname: "eth0" }];
  assert.deepEqual(runs[1]?.stdin, {
    type: "them",
    capabilities: { mac: true },
    cniVersion: "1.1.0",
    name: "net",
    "cni.dev/valid-attachments": named,
    "cni.dev/attachments": named,
  });
  assert.deepEqual([...machine.files.keys()], [`${CACHE}/net-c2-eth0`], "the cache entry of c1 is gone");
  assert.equal(await machine.stateOf(streamOf("@chain", "c1")), "detached");
  assert.equal(await machine.stateOf(streamOf("@chain", "c2")), "attached");
});

Deno.test("[B15, C24] a plugin that is asked for GC gets the variables of an attachment empty, and no runtimeConfig", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, []);
  ok(await collect(machine, LIST, [], { cacheDir: "/cache", cniPath: "/opt/foreign" }));
  const { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH } = runs[0]?.environment ?? {};
  assert.deepEqual([CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH], [
    "GC",
    "",
    "",
    "",
    "",
    "/opt/foreign",
  ]);
  assert.deepEqual(Object.keys(runs[0]?.stdin ?? {}).filter((key) => /runtimeConfig|prevResult/.test(key)), []);
});

Deno.test("[C49, J119] GC looks at an attachment's interface, and at no other network", async () => {
  const other = listOf({ name: "other" });
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, [
    [LIST, container("c1", "eth0")],
    [LIST, container("c1", "eth1")],
    [other, container("c1")],
  ]);
  ok(await collect(machine, LIST, [valid("c1", "eth1")]));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "GC"]);
});

Deno.test("[C49, C39] what only the cache knows gets a DEL with the list, and the namespace and arguments of its ADD", async () => {
  const { machine } = await machineOf({ them: printing(RESULT) }, BOTH);
  const { layer, runs } = foreign({ them: printing(RESULT) });
  const later = withoutLog(machine, layer);
  ok(await collect(later, LIST, [valid("c2")], { cacheDir: "/cache", cniPath: "/opt/foreign" }));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "GC"]);
  const [del] = runs;
  assert.ok(del !== undefined);
  const { CNI_NETNS, CNI_ARGS, CNI_PATH } = del.environment;
  assert.deepEqual([CNI_NETNS, CNI_ARGS, CNI_PATH], ["/ns/c1", "K=c1", "/opt/foreign"]);
  assert.deepEqual([del.stdin.runtimeConfig, del.stdin.prevResult], [{ mac: "02:00:00:00:00:01" }, RESULT]);
  assert.deepEqual([...later.files.keys()], [`${CACHE}/net-c2-eth0`]);
});

Deno.test("[C65, J133] an old entry without a namespace gets a DEL without one; bare results are not seen", async () => {
  const { machine } = await machineOf({ them: printing(RESULT) }, BOTH);
  const entry = JSON.parse(machine.files.get(`${CACHE}/net-c1-eth0`) ?? "");
  machine.files.set(`${CACHE}/net-c1-eth0`, JSON.stringify({ ...entry, netns: undefined }));
  machine.files.set(`${CACHE}/net-c2-eth0`, JSON.stringify(RESULT));
  const { layer, runs } = foreign({ them: printing(RESULT) });
  ok(await collect(withoutLog(machine, layer), LIST, []));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "GC"]);
  assert.equal(runs[0]?.environment.CNI_NETNS, "");
});

Deno.test("[I27] what only the log knows, as an ADD that was killed, is collected too, with no entry in the cache", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, []);
  assert.equal((await machine.network("ADD", LIST, container("c1"), { at: 3 })).ended, "died");
  assert.equal(machine.files.size, 0);
  runs.length = 0;
  ok(await collect(machine, LIST, []));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "GC"]);
  assert.equal(runs[0]?.environment.CNI_NETNS, "/ns/c1", "the log knows where");
  assert.equal(await machine.stateOf(streamOf("@chain")), "detached");
});

Deno.test("what another runtime made with our plugins one by one is undone in the order they ended, the list aside", async () => {
  const ops = (id: string) =>
    [
      { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: id },
    ] as const;
  const [first, second] = [toy({ type: "first", ops: ops("11") }), toy({ type: "second", ops: ops("22") })];
  const registry = toys({ type: "first", ops: ops("11") }, { type: "second", ops: ops("22") });
  const { machine } = await machineOf({ them: printing(RESULT) }, [], registry);
  const before = machine.kernel.dump();
  const config = { cniVersion: "1.1.0", name: "net" };
  for (const [plugin, type] of [[first, "first"], [second, "second"]] as const) {
    ok(outcomeOf(await machine.run(runCommand(plugin, commandOf("ADD", { ...config, type })))));
  }
  // The clock of a simulated machine stands still.
  const id = streamOf("second");
  const events = (await readingOf(machine, id)).records.map(({ event }) => event);
  const { bytes } = await encodeEvents(emptyTail(id), events, origin({ now: () => "2026-01-01T00:00:01.000Z" }));
  machine.log.put(id, new TextDecoder().decode(bytes));
  ok(await collect(machine, LIST, null));
  assert.deepEqual(machine.kernel.dump(), before, "each wrote over the other's value: the order counts");
  for (const slot of ["first", "second"]) assert.equal(await machine.stateOf(streamOf(slot)), "detached", slot);
});

Deno.test("[A11, C47, C49, J58] a list with disableGC passes, and nothing is done, whatever its name", async () => {
  for (const name of ["net", "../net"]) {
    const { machine, runs } = await machineOf({ them: printing(RESULT) }, BOTH);
    const before = [machine.log.dump(), [...machine.files]];
    ok(await collect(machine, { ...listOf({ disableGC: true }), name }, []));
    assert.deepEqual([callsOf(runs), machine.log.dump(), [...machine.files]], [[], ...before]);
  }
});

Deno.test("[C49, C50, I25] below 1.1.0 there are DELs and no GC; a version that is none counts as below", async () => {
  for (const cniVersion of ["0.1.0", "0.3.1", "0.4.0", "1.0.0", ""]) {
    const result = { cniVersion, ...(cniVersion < "0.3" ? { ip4: { ip: "10.1.0.2/24" } } : {}) };
    const list = listOf({ cniVersion });
    const { machine, runs } = await machineOf({ them: printing(result) }, [[list, container("c1")]]);
    ok(await collect(machine, list, []), cniVersion);
    assert.deepEqual(callsOf(runs), ["DEL c1 eth0"], cniVersion);
  }
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, [[LIST, container("c1")]]);
  ok(await collect(machine, listOf({ cniVersion: "nonsense" }), []));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0"]);
});

Deno.test("[C51, C52, J118] without a list of valid attachments nothing is valid and no plugin is told one; [] is told", async () => {
  for (const [list, keys] of [[null, 0], [[], 2]] as const) {
    const { machine, runs } = await machineOf({ them: printing(RESULT) }, BOTH);
    ok(await collect(machine, LIST, list));
    assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "DEL c2 eth0", "GC"]);
    const told = Object.entries(runs[2]?.stdin ?? {}).filter(([key]) => key.startsWith("cni.dev/"));
    assert.deepEqual(told.map(([, value]) => value), Array.from({ length: keys }, () => []));
  }
});

const failing = (...commands: readonly string[]): Answer => (run) =>
  commands.includes(run.environment.CNI_COMMAND ?? "")
    ? { code: 1, stdout: JSON.stringify({ code: 103, msg: `no ${run.environment.CNI_COMMAND}`, details: "why" }) }
    : printing(RESULT)(run);

Deno.test("[C14, C49, I31, J118] GC goes on after every failure, tells all of them with the first one's code, and goes on with them next time", async () => {
  const list = listOf({}, ["one", "two", "three"]);
  const broken = { now: true };
  const sometimes = (...commands: readonly string[]): Answer => (run) =>
    (broken.now ? failing(...commands) : printing(RESULT))(run);
  const { machine, runs } = await machineOf({
    one: printing(RESULT),
    two: sometimes("DEL", "GC"),
    three: printing(RESULT),
  }, [
    [list, container("c1")],
    [list, container("c2")],
  ]);
  const failure = failed(await collect(machine, list, []));
  assert.equal(failure.code, 103);
  assert.match(
    wordsOf(failure),
    /^Cannot collect "net\/c1\/eth0": no DEL.*Cannot collect "net\/c2\/eth0": no DEL.*no GC/,
  );
  const removed = (id: string) => [`DEL ${id} eth0`, `DEL ${id} eth0`, `DEL ${id} eth0`];
  assert.deepEqual(callsOf(runs), [...removed("c1"), ...removed("c2"), "GC", "GC", "GC"]);
  assert.deepEqual(runs.map(({ file }) => file.slice(13)).join(" "), "three two one three two one one two three");
  assert.equal(machine.files.size, 2, "the entries stay as long as something is owed");
  broken.now = false;
  runs.length = 0;
  ok(await collect(machine, list, []));
  assert.deepEqual(
    runs.map(({ file }) => file.slice(13)).join(" "),
    "two two one two three",
    "only what failed is asked",
  );
  assert.equal(machine.files.size, 0);
});

Deno.test("GC finishes what a DEL left because a plugin failed", async () => {
  const broken = { now: true };
  const answers = { them: ((run) => (broken.now ? failing("DEL") : printing(RESULT))(run)) satisfies Answer };
  const { machine, runs } = await machineOf(answers, [[LIST, container("c1")]]);
  assert.equal(failed(await machine.network("DEL", LIST, container("c1"))).code, 103);
  assert.equal(await machine.stateOf(streamOf("@chain")), "failed");
  broken.now = false;
  ok(await collect(machine, LIST, []));
  assert.equal(await machine.stateOf(streamOf("@chain")), "detached");
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "DEL c1 eth0", "GC"]);
});

Deno.test("[A16, I20] GC and STATUS refuse a name that is no name, and entries of the cache cannot lead elsewhere", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, []);
  assert.equal(failed(await collect(machine, { ...LIST, name: "../net" }, [])).code, 7);
  const entry = { kind: "cniCacheV1", networkName: "net", containerId: "../../x", ifName: "eth0", config: null };
  machine.files.set(`${CACHE}/net-x`, JSON.stringify(entry));
  machine.files.set("/x-eth0", "precious");
  ok(await collect(machine, LIST, []));
  assert.deepEqual(callsOf(runs), ["GC"]);
  assert.equal(machine.files.get("/x-eth0"), "precious");
});

Deno.test("damaged and foreign files in the cache keep GC from nothing", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, BOTH);
  for (const [name, text] of [["a", ""], ["b", "{"], ["c", '{"kind":"other"}'], ["d", "[]"]] as const) {
    machine.files.set(`${CACHE}/${name}`, text);
  }
  machine.files.set(`${CACHE}/net-c1-eth0`, "");
  ok(await collect(machine, LIST, []));
  assert.deepEqual(callsOf(runs), ["DEL c1 eth0", "DEL c2 eth0", "GC"], "the log knows of c1");
});

Deno.test("a second GC asks the plugins, and disturbs no history", async () => {
  const { machine, runs } = await machineOf({ them: printing(RESULT) }, BOTH);
  ok(await collect(machine, LIST, []));
  const events = await eventsOf(machine, streamOf("@chain"));
  runs.length = 0;
  ok(await collect(machine, LIST, []));
  assert.deepEqual(callsOf(runs), ["GC"]);
  assert.deepEqual(await eventsOf(machine, streamOf("@chain")), events);
});
