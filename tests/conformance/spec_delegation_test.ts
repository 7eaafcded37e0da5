/** The bridge plugin with somebody else's IPAM plugin. Numbers are those of checklist.txt. */
import assert from "node:assert/strict";
import { bridge } from "../../src/plugins/bridge.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { commandOf, Machine } from "../support/engine.ts";
import { type Answer, foreign, printing } from "../support/foreign.ts";
import { failed, ok } from "../support/outcomes.ts";

const CONF = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "br1",
  ipam: { type: "ipam", pool: ["mine", { and: null }] },
  keyA: "a key of nobody's",
} as const;

const RESULT = { ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }] };
const CALL = { args: "IgnoreUnknown=1;K8S_POD_NAME=pod", path: "/opt/foreign:/opt/cni/bin" };

/** A machine on which `ipam` is foreign and does this. */
function machineOf(ipam: Answer) {
  const { layer, runs } = foreign({ ipam });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const run = (verb: "ADD" | "CHECK" | "DEL", more: JsonObject = {}, change = {}) =>
    machine.command(bridge, commandOf(verb, { ...CONF, ...more }, { ...CALL, ...change }));
  const verbs = () => runs.map(({ environment }) => environment.CNI_COMMAND);
  return { machine, runs, run, verbs };
}

const giving = printing(RESULT);

Deno.test("[D1, D2, D3, D4, D6, J85, J132] a delegate gets the caller's whole request and environment, and its result needs no version", async () => {
  const { runs, run } = machineOf(giving);
  const result = ok(await run("ADD"));
  assert.deepEqual(result?.ips, [{ ...RESULT.ips[0], interface: 2 }]);
  const [add] = runs;
  assert.equal(add?.file, "/opt/foreign/ipam");
  assert.deepEqual(add?.stdin, CONF);
  assert.deepEqual(add?.environment, {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/ns/c1",
    CNI_IFNAME: "eth0",
    CNI_ARGS: CALL.args,
    CNI_PATH: CALL.path,
  });
});

Deno.test("[D7, J132] a delegate whose ADD fails gets its DEL, and its error is the caller's", async () => {
  const error = { code: 111, msg: "no address left", details: "ask for more" };
  const { run, verbs } = machineOf(({ environment }) =>
    environment.CNI_COMMAND === "ADD" ? { code: 1, stdout: JSON.stringify(error) } : {}
  );
  assert.deepEqual(failed(await run("ADD")), error);
  assert.deepEqual(verbs(), ["ADD", "DEL"]);
});

Deno.test("[D7] a delegate whose caller fails after it gets its DEL", async () => {
  const { machine, run, verbs } = machineOf(giving);
  machine.kernel.fail("address.add", "ENOSPC");
  assert.match(failed(await run("ADD")).msg, /ENOSPC/);
  assert.deepEqual(verbs(), ["ADD", "DEL"]);
});

Deno.test("[D8] CHECK and DEL reach the delegate, and fail as it fails", async () => {
  const error = { code: 112, msg: "not my address" };
  let fails = false;
  const { run, verbs } = machineOf((call) => fails ? { code: 1, stdout: JSON.stringify(error) } : giving(call));
  const prevResult = { ...ok(await run("ADD")) };
  fails = true;
  const found = failed(await run("CHECK", { prevResult: JSON.parse(JSON.stringify(prevResult)) }));
  assert.match(`${found.msg}; ${found.details ?? ""}`, /not my address/);
  assert.equal(failed(await run("DEL")).code, 112);
  assert.deepEqual(verbs(), ["ADD", "CHECK", "DEL"]);
});

Deno.test("[D9, J74] DEL reaches the delegate without a namespace", async () => {
  for (const attached of [true, false]) {
    const { run, verbs } = machineOf(giving);
    if (attached) ok(await run("ADD"));
    ok(await run("DEL", {}, { netns: "" }));
    assert.equal(verbs().at(-1), "DEL", `attached: ${attached}`);
  }
});

Deno.test("[D5, B31] what a delegate says on stderr is said by its caller, whether it succeeds or fails", async () => {
  for (const code of [0, 1]) {
    const { machine, run } = machineOf(() => ({ stdout: JSON.stringify(RESULT), code, stderr: "a warning\n" }));
    await run("ADD");
    assert.ok(machine.said.includes("a warning"), `status ${code}: ${machine.said.join()}`);
  }
});
