/** `cleat` as a plugin of Go's libcni, and the Go plugins in it. */
import assert from "node:assert/strict";
import { deriveRequestConfig } from "../../src/spec/derive_request.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { besideGo, goPlugins } from "../support/go_suite.ts";
import { Lab, tree } from "../support/lab.ts";
import { builtLibcni, installedLibcni } from "../support/libcni.ts";
import { CAPABILITIES, isAttached, isUntouched, netIn } from "../support/nested_lab.ts";
import type { Netns } from "../support/netns.ts";
import { listOf, nestedOf } from "../support/one_by_one.ts";
import { execIn, succeeded } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const underGo = (name: string) =>
  unless(works && installedLibcni.missing === null, name, installedLibcni.missing ?? "no bridge or nft");

const CAP_ARGS = JSON.stringify(CAPABILITIES);

/** Runs a verb of the network by Go's libcni, with CNI_PATH at our executables. */
const libcni = async (lab: Lab, verb: string, netns: Netns) =>
  execIn(
    lab.host,
    await builtLibcni(),
    { CNI_PATH: bin, CAP_ARGS, CLEAT_STATE_DIR: lab.state },
    "",
    [verb, `${lab.folder}/nestnet.conflist`, `${lab.folder}/cache`, "c1", netns.path, "eth0"],
  );

const cleat = (lab: Lab, verb: string, netns: Netns) =>
  lab.cleat([verb, "nestnet", netns.path, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`], { CAP_ARGS });

for (const version of ["0.3.1", "1.0.0"]) {
  Deno.test({
    ...underGo(`Go's libcni runs a network ${version} in one process of cleat: add, check, del twice, nothing left`),
    async fn() {
      using lab = new Lab(bin);
      Deno.writeTextFileSync(`${lab.folder}/nestnet.conflist`, nestedOf(netIn(lab, true, version)).raw);
      const netns = lab.container();
      const result = succeeded(await libcni(lab, "ADD", netns));
      assert.equal(result.cniVersion, version);
      await isAttached(lab, netns);
      if (version !== "0.3.1") succeeded(await libcni(lab, "CHECK", netns));
      for (const _ of [1, 2]) succeeded(await libcni(lab, "DEL", netns));
      await isUntouched(lab, netns);
      assert.deepEqual(tree(`${lab.folder}/cache`), {});
    },
  });
}

Deno.test({
  ...underGo("what Go's libcni attached by cleat, `cleat` the command checks and deletes, and the other way round"),
  async fn() {
    using lab = new Lab(bin);
    Deno.writeTextFileSync(`${lab.folder}/nestnet.conflist`, nestedOf(netIn(lab, true, "1.0.0")).raw);
    const netns = lab.container();
    const byGo = async (verb: string) => void succeeded(await libcni(lab, verb, netns));
    const byUs = async (verb: string) => assert.equal((await cleat(lab, verb.toLowerCase(), netns)).stderr, "", verb);
    for (const [one, other] of [[byGo, byUs], [byUs, byGo]] as const) {
      await one("ADD");
      await isAttached(lab, netns);
      await other("CHECK");
      await other("DEL");
      await cleat(lab, "del", netns); // the runtime's own stream, where libcni has none
      await isUntouched(lab, netns);
    }
  },
});

Deno.test({
  ...underGo("[C19] libcni offers cleat only the capabilities that cleat itself names"),
  async fn() {
    using lab = new Lab(bin);
    const [plugin] = nestedOf(netIn(lab, true, "1.0.0")).plugins;
    assert.ok(plugin !== undefined);
    const { capabilities: _, ...silent } = plugin.raw;
    const list = listOf([silent], { name: "nestnet", cniVersion: "1.0.0" });
    Deno.writeTextFileSync(`${lab.folder}/nestnet.conflist`, list.raw);
    const netns = lab.container();
    succeeded(await libcni(lab, "ADD", netns));
    assert.doesNotMatch(netns.must("ip link show eth0"), new RegExp(CAPABILITIES.mac));
    assert.doesNotMatch(lab.remains().firewall, /8080/);
    succeeded(await libcni(lab, "DEL", netns));
    await isUntouched(lab, netns);
  },
});

Deno.test({
  ...besideGo("somebody else's plugins in cleat are executed, ours are not: ADD, CHECK, DEL twice, nothing left"),
  async fn() {
    for (const mix of [["host-local"], ["bridge", "portmap"], ["tuning"]]) {
      using lab = new Lab(bin);
      const netns = lab.container();
      const path = `${goPlugins(`${lab.folder}/go`, mix)}:${bin}`;
      const base = netIn(lab, false, "1.0.0"); // neither bridge knows a MAC that the other suite's tuning has set
      const [plugin] = nestedOf(base).plugins;
      assert.ok(plugin !== undefined);
      const call = async (command: "ADD" | "CHECK" | "DEL", prevResult: JsonObject | null) => {
        const config = deriveRequestConfig(base, plugin, { command, prevResult, capabilityArgs: CAPABILITIES });
        const ran = await lab.call("cleat", { verb: command, config, netns, env: { CNI_PATH: path } });
        assert.equal(ran.code, 0, `${command} with Go's ${mix}: ${ran.stdout} ${ran.stderr}`);
        return ran;
      };
      const result = succeeded(await call("ADD", null));
      await isAttached(lab, netns);
      if (!mix.includes("bridge")) await call("CHECK", result); // Go's bridge 1.1 looks for chains of its own
      for (const _ of [1, 2]) await call("DEL", result);
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.isClean("br21");
    }
  },
});
