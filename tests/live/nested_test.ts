/** `cleat` as a plugin: one process for a chain, on real kernels, beside its plugins as executables of their own. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import { isJsonObject, type JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayOf, insideOf, normal } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";
import { CAPABILITIES, isAttached, isUntouched, netIn, run } from "../support/nested_lab.ts";
import type { Netns } from "../support/netns.ts";
import { nestedOf } from "../support/one_by_one.ts";
import { execIn } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** What a run with the container on the network comes to, without chance in it. */
async function outcomeOf(lab: Lab, netns: Netns, result: JsonObject): Promise<JsonObject> {
  await isAttached(lab, netns);
  const firewall = lab.remains().firewall.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC");
  return {
    result: normal(result, lab),
    inside: insideOf(netns),
    gateway: gatewayOf(lab.host, "br21"),
    firewall,
  };
}

/** Who wrote the streams of the attachment: a set of process ids. */
async function writersOf(lab: Lab): Promise<ReadonlySet<number>> {
  await using cleat = new Cleat({ stateDir: lab.state });
  const ids = await cleat.streams();
  const replays = await Promise.all(ids.map((id) => cleat.replay(id)));
  return new Set(replays.flat().map(({ record }) => record.pid));
}

Deno.test({
  ...live("one process of cleat does what three executables do: result, container, gateway, firewall, streams"),
  async fn() {
    const outcomes: JsonObject[] = [];
    const streams: (readonly string[])[] = [];
    for (const isNested of [false, true]) {
      using lab = new Lab(bin);
      const netns = lab.container();
      const list = isNested ? nestedOf(netIn(lab)) : netIn(lab);
      const prevResult = await run(lab, list, "ADD", netns);
      outcomes.push(await outcomeOf(lab, netns, prevResult));
      streams.push(Object.keys(await lab.states()).filter((name) => !name.endsWith("/cleat")));
      assert.equal((await writersOf(lab)).size, isNested ? 1 : 3, "processes");
      await run(lab, list, "CHECK", netns, { prevResult });
      await run(lab, list, "STATUS", undefined);
      for (const _ of [1, 2]) await run(lab, list, "DEL", netns, { prevResult });
      await isUntouched(lab, netns);
    }
    assert.deepEqual(outcomes[1], outcomes[0]);
    assert.deepEqual(streams[1], streams[0]);
    assert.equal(streams[0]?.length, 4);
  },
});

for (const isNested of [true, false]) {
  const [who, other] = isNested ? ["cleat", "its plugins"] : ["its plugins", "cleat"];
  Deno.test({
    ...live(`what ${who} attached, the executables of ${other} check and delete, also without config and prevResult`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const [adding, deleting] = isNested ? [nestedOf(netIn(lab)), netIn(lab)] : [netIn(lab), nestedOf(netIn(lab))];
      for (const bare of isNested ? [false, true] : [false]) {
        const prevResult = await run(lab, adding, "ADD", netns);
        await run(lab, deleting, "CHECK", netns, { prevResult });
        await run(lab, deleting, "DEL", bare ? undefined : netns, { bare });
        await run(lab, adding, "DEL", netns, { bare });
        await isUntouched(lab, netns);
      }
    },
  });
}

Deno.test({
  ...live("GC by cleat removes attachments that are not valid, whoever added them"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const list = netIn(lab);
    await run(lab, nestedOf(list), "ADD", netns);
    await run(lab, nestedOf(list), "GC", undefined);
    await isUntouched(lab, netns);
    await run(lab, list, "ADD", netns);
    await run(lab, nestedOf(list), "GC", undefined);
    await isUntouched(lab, netns);
  },
});

Deno.test({
  ...live("the operator's `cleat add`, `check` and `del` run a network that has cleat in it"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    Deno.writeTextFileSync(`${lab.folder}/nestnet.conflist`, nestedOf(netIn(lab)).raw);
    const verb = async (name: string) => {
      const args = [name, "nestnet", netns.path, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`];
      const env = { CAP_ARGS: JSON.stringify(CAPABILITIES) };
      const { code, stdout, stderr } = await lab.cleat(args, env);
      assert.deepEqual([code, stderr], [0, ""], name);
      return stdout;
    };
    await outcomeOf(lab, netns, JSON.parse(await verb("add")));
    assert.deepEqual(Object.values(await lab.states()), Array(6).fill("attached"));
    await verb("check");
    await verb("del");
    await isUntouched(lab, netns);
  },
});

Deno.test("cleat is a plugin where CNI_COMMAND is set and it has no arguments, and the operator's command otherwise", async () => {
  using lab = new Lab(bin);
  const cleat = async (env: Readonly<Record<string, string>>, ...args: readonly string[]) => {
    const { code, stdout } = await execIn(
      lab.host,
      lab.file("cleat"),
      { CLEAT_STATE_DIR: lab.state, ...env },
      "",
      args,
    );
    return { code, stdout };
  };
  const answer = JSON.parse((await cleat({ CNI_COMMAND: "VERSION" })).stdout);
  assert.ok(isJsonObject(answer) && Array.isArray(answer.supportedVersions));
  assert.equal(JSON.parse((await cleat({ CNI_COMMAND: "ADD" })).stdout).code, 4, "the other variables are missing");
  for (const env of [{}, { CNI_COMMAND: "" }]) assert.match((await cleat(env)).stdout, /^Usage: cleat <command>/m);
  for (const CNI_COMMAND of ["ADD", "VERSION"]) {
    assert.deepEqual(await cleat({ CNI_COMMAND }, "log"), { code: 0, stdout: "" });
    assert.match((await cleat({ CNI_COMMAND }, "--version")).stdout, /^Cleat \d/);
  }
});
