/** STATUS of a network, and CHECK where the log knows nothing. */
import assert from "node:assert/strict";
import { status } from "../../../src/runtime/attach.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { Machine, outcomeOf } from "../../support/engine.ts";
import { foreign, printing, type Run } from "../../support/foreign.ts";
import { listOf } from "../../support/lists.ts";
import { failed, ok, wordsOf } from "../../support/outcomes.ts";

const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const CACHE = "/cache/results/net-c1-eth0";
const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };

const callsOf = (runs: readonly Run[]): readonly string[] =>
  runs.map(({ file, environment }) => `${environment.CNI_COMMAND} ${file.slice(13)}`);

Deno.test("[C15, C55, J59] STATUS asks the plugins in order until one is not ready, and fails with that one's own error", async () => {
  const error = { code: 50, msg: "no daemon", details: "start it" };
  const { layer, runs } = foreign({
    one: () => ({}),
    two: () => ({ code: 1, stdout: JSON.stringify(error) }),
    three: () => ({}),
  });
  const machine = new Machine(new Map(), {}, layer);
  const outcome = outcomeOf(await machine.run(status(listOf("1.1.0", "one", "two", "three"), "/opt/foreign")));
  assert.deepEqual(failed(outcome), error);
  assert.deepEqual(callsOf(runs), ["STATUS one", "STATUS two"]);
  const { CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH } = runs[0]?.environment ?? {};
  assert.deepEqual([CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH], ["", "", "", "", "/opt/foreign"]);
  assert.deepEqual(runs[0]?.stdin, { type: "one", cniVersion: "1.1.0", name: "net" });
  assert.deepEqual([machine.log.dump(), machine.files.size], [{}, 0]);
});

Deno.test("[C56, I25] STATUS of a version below 1.1.0, or of one that is none, passes and asks nobody", async () => {
  for (const cniVersion of ["", "0.4.0", "1.0.0", "nonsense"]) {
    const { layer, runs } = foreign({ one: () => ({ code: 1 }) });
    const machine = new Machine(new Map(), {}, layer);
    ok(outcomeOf(await machine.run(status(listOf(cniVersion, "one")))), cniVersion);
    assert.deepEqual(runs, []);
  }
});

Deno.test("[I20] STATUS refuses a name that is no name with code 7", async () => {
  const machine = new Machine(new Map());
  const outcome = outcomeOf(await machine.run(status({ ...listOf("1.1.0", "one"), name: "../net" })));
  assert.equal(failed(outcome).code, 7);
});

/** A machine on which c1 was attached by somebody whose log is not here. */
async function amnesiac(cached: string | null) {
  const { layer, runs } = foreign({ them: printing(RESULT) });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  if (cached !== null) machine.files.set(CACHE, cached);
  const outcome = await machine.network("CHECK", listOf("1.1.0", "them"), C1);
  return { outcome, runs };
}

Deno.test("[C44, J36, J53, J134] CHECK with a damaged or unconvertible cache, and no log, fails with code 6 and runs nothing", async () => {
  for (
    const text of ["", "{", "[]", '{"kind":"cniCacheV1","result":{"cniVersion":"7.0.0"}}', '{"cniVersion":"7.0.0"}']
  ) {
    const { outcome, runs } = await amnesiac(text);
    const failure = failed(outcome, text);
    assert.equal(failure.code, 6, text);
    assert.match(wordsOf(failure), /cached result "\/cache\/results\/net-c1-eth0"/);
    assert.deepEqual(runs, []);
  }
});

Deno.test("[C44, J120] CHECK without a cache, and no log, runs without prevResult; with an old bare result it runs with that", async () => {
  const missing = await amnesiac(null);
  ok(missing.outcome);
  assert.deepEqual(missing.runs.map(({ stdin }) => "prevResult" in stdin), [false]);
  const old = await amnesiac(JSON.stringify({ ...RESULT, cniVersion: "1.0.0" }));
  ok(old.outcome);
  assert.deepEqual(old.runs.map(({ stdin }) => stdin.prevResult), [RESULT]);
});
