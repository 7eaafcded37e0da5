import assert from "node:assert/strict";
import { bridge } from "../../../src/plugins/bridge.ts";
import { registry } from "../../../src/plugins/registry.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { type Answer, foreign, printing } from "../../support/foreign.ts";
import { failed, ok, wordsOf } from "../../support/outcomes.ts";

const RAW: JsonObject = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  ipam: { type: "theirs", pool: "p", keyA: [1] },
  keyB: { c: null },
};

const CALL = { args: "IgnoreUnknown=1;K8S=pod", path: "/opt/foreign:/opt/cni/bin" };

const ADDRESS = printing({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] });

function machineOf(answer: Answer) {
  const { layer, runs } = foreign({ theirs: answer });
  const machine = new Machine(registry, {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const command = (verb: "ADD" | "CHECK" | "DEL", raw = RAW, netns = "/ns/c1") =>
    machine.command(bridge, commandOf(verb, raw, { ...CALL, netns }));
  return { machine, runs, command, verbs: () => runs.map(({ environment }) => environment.CNI_COMMAND) };
}

const withoutResult = ({ prevResult: _, ...config }: JsonObject): JsonObject => config;

Deno.test("[D1, D2, D3, D4, D8, J81, J83] a delegate by exec gets each verb of its caller, its environment and its whole request", async () => {
  const { runs, command, verbs } = machineOf(ADDRESS);
  const result = ok(await command("ADD"));
  assert.deepEqual(result?.ips?.map(({ address, gateway }) => [address, gateway]), [["10.1.0.5/24", "10.1.0.1"]]);
  ok(await command("CHECK", { ...RAW, prevResult: JSON.parse(JSON.stringify(result)) }));
  ok(await command("DEL"));
  assert.deepEqual(verbs(), ["ADD", "CHECK", "DEL"]);
  for (const { environment, stdin } of runs) {
    const { CNI_COMMAND: _, ...rest } = environment;
    assert.deepEqual(rest, {
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/ns/c1",
      CNI_IFNAME: "eth0",
      CNI_ARGS: CALL.args,
      CNI_PATH: CALL.path,
    });
    assert.deepEqual(withoutResult(stdin), RAW);
  }
});

Deno.test("[D7, J132] a delegate whose answer its caller cannot use gets DEL before the caller has failed", async () => {
  const { machine, command, verbs } = machineOf(printing({ cniVersion: "1.1.0" }));
  assert.match(wordsOf(failed(await command("ADD"))), /IPAM|address/i);
  assert.deepEqual(verbs(), ["ADD", "DEL"]);
  assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /veth/);
});

Deno.test("[D7, D8] a delegate whose own ADD fails gets DEL as well, and its caller fails with its error", async () => {
  const { command, verbs } = machineOf(({ environment }) =>
    environment.CNI_COMMAND === "ADD" ? { code: 1, stdout: '{"code":114,"msg":"no address","details":"pool p"}' } : {}
  );
  assert.deepEqual(failed(await command("ADD")), { code: 114, msg: "no address", details: "pool p" });
  assert.deepEqual(verbs(), ["ADD", "DEL"]);
});

Deno.test("[D8, D9, J83] DEL goes to the delegate without a namespace too, and its failure is the caller's", async () => {
  let works = false;
  const { machine, command, verbs } = machineOf((run) =>
    run.environment.CNI_COMMAND === "DEL" && !works
      ? { code: 1, stdout: '{"code":11,"msg":"server is away"}' }
      : ADDRESS(run)
  );
  ok(await command("ADD"));
  machine.kernel.removeNetns("/ns/c1");
  assert.match(wordsOf(failed(await command("DEL", RAW, ""))), /server is away/);
  works = true;
  ok(await command("DEL", RAW, ""));
  assert.deepEqual(verbs(), ["ADD", "DEL", "DEL"]);
});

Deno.test("[D8] CHECK fails as the delegate's CHECK fails", async () => {
  const { command } = machineOf((run) =>
    run.environment.CNI_COMMAND === "CHECK" ? { code: 1, stdout: '{"code":120,"msg":"lease is gone"}' } : ADDRESS(run)
  );
  const result = ok(await command("ADD"));
  const failure = failed(await command("CHECK", { ...RAW, prevResult: JSON.parse(JSON.stringify(result)) }));
  assert.match(wordsOf(failure), /plugin "theirs": lease is gone/);
});

Deno.test("[B31, D5, J132] what a delegate says on stderr is passed on, whether it succeeds or fails", async () => {
  for (const code of [0, 1]) {
    const { machine, command } = machineOf((run) => ({ ...ADDRESS(run), code, stderr: `ends with ${code}\n` }));
    await command("ADD");
    assert.equal(machine.said[0], `ends with ${code}`);
  }
});

Deno.test("[D2, J83] a delegate that is in none of the folders fails the caller by name, and there is nothing to take back", async () => {
  const { command, verbs } = machineOf(ADDRESS);
  const failure = failed(await command("ADD", { ...RAW, ipam: { type: "nobody" } }));
  assert.match(failure.msg, /Cannot find plugin "nobody"/);
  assert.deepEqual(verbs(), []);
});
