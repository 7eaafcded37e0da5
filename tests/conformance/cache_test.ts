/** libcni's result cache between Cleat and Go's libcni: either reads, checks and deletes what the other wrote. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { attach, cachedAttachments, cachedConfig, cachedResult, check, detach } from "../../mod.ts";
import { ARGS, CAPABILITY_ARGS, CHILD, resultOf, Stage, withGo } from "../support/cache_stage.ts";

for (const version of ["0.2.0", "0.3.1", "0.4.0", "1.0.0"]) {
  Deno.test({
    ...withGo(
      `[C58, C59, C60] Cleat's cache entry of a ${version} network is the one Go's libcni writes, member by member`,
    ),
    async fn() {
      using stage = new Stage(version);
      await stage.libcni("ADD");
      const theirs = stage.readEntry();
      await stage.libcni("DEL");
      await stage.run(attach(await stage.list(), stage.attachment));
      const { netns, ...ours } = stage.readEntry();
      assert.equal(netns, stage.netns.path, "which libcni writes since 1.2.0");
      const { netns: _, ...expected } = theirs;
      assert.deepEqual(ours, expected);
      const modes = [stage.entry, `${stage.cacheDir}/results`].map((path) => (Deno.statSync(path).mode ?? 0) & 0o777);
      assert.deepEqual(modes, [0o600, 0o700]);
      await stage.run(detach(await stage.list(), stage.attachment));
      stage.isGone();
    },
  });
}

for (const version of ["0.4.0", "1.0.0"]) {
  Deno.test({
    ...withGo(
      `[C13, C35, C64] what Go's libcni added to a ${version} network, Cleat checks and deletes from its cache`,
    ),
    async fn() {
      using stage = new Stage(version);
      await stage.libcni("ADD");
      const list = await stage.list();
      await stage.run(check(list, stage.attachment));
      await stage.run(detach(list, stage.attachment));
      const [added, checked, deleted] = stage.runs();
      assert.deepEqual(added, ["ADD", undefined]);
      assert.deepEqual(checked, ["CHECK", resultOf(version)]);
      assert.deepEqual(deleted, ["DEL", resultOf(version)]);
      stage.isGone();
    },
  });

  Deno.test({
    ...withGo(`[C61, C62] what Cleat added to a ${version} network, Go's libcni reads, checks and deletes`),
    async fn() {
      using stage = new Stage(version);
      const list = await stage.list();
      await stage.run(attach(list, stage.attachment));
      const cached = JSON.parse(await stage.libcni("CACHED"));
      assert.equal(cached.config, list.raw, "to the letter");
      assert.deepEqual(cached.cniArgs, ARGS);
      assert.deepEqual(cached.capabilityArgs, CAPABILITY_ARGS);
      assert.deepEqual(cached.result, resultOf(version));
      await stage.libcni("CHECK");
      await stage.libcni("DEL");
      assert.deepEqual(stage.runs().map(([verb, previous]) => [verb, previous]), [
        ["ADD", undefined],
        ["CHECK", resultOf(version)],
        ["DEL", resultOf(version)],
      ]);
      stage.isGone();
      await stage.run(detach(list, stage.attachment));
    },
  });
}

Deno.test({
  ...withGo("[H10, H11, H12] the getters answer of an entry of Go's libcni what libcni answers of it"),
  async fn() {
    using stage = new Stage("1.0.0");
    await stage.libcni("ADD");
    const theirs = JSON.parse(await stage.libcni("CACHED"));
    const list = await stage.list();
    const { args: _, capabilityArgs: __, ...lost } = stage.attachment;
    const ours = await stage.run(cachedConfig(list, lost));
    assert.equal(ours?.config, theirs.config);
    assert.deepEqual(ours?.attachment, { ...lost, args: theirs.cniArgs, capabilityArgs: theirs.capabilityArgs });
    const result = await stage.run(cachedResult(list, lost));
    assert.deepEqual(JSON.parse(JSON.stringify(result)), theirs.result);
    const key = { network: "lab", containerId: CHILD, ifName: "eth0" };
    const [found, ...others] = await stage.run(cachedAttachments(stage.cacheDir, CHILD));
    assert.deepEqual(found, {
      key,
      netns: "",
      args: ARGS,
      capabilityArgs: CAPABILITY_ARGS,
      config: JSON.parse(list.raw),
      result,
    });
    assert.deepEqual(others, []);
  },
});

Deno.test({
  ...withGo("[C61, C65] a bare result of an old libcni is what Cleat and Go's libcni hand to CHECK and DEL"),
  async fn() {
    using stage = new Stage("1.0.0");
    const runs = [];
    for (const who of ["libcni", "cleat"]) {
      await stage.libcni("ADD");
      Deno.writeTextFileSync(stage.entry, JSON.stringify(resultOf("0.4.0")));
      const list = await stage.list();
      assert.deepEqual(await stage.run(cachedAttachments(stage.cacheDir)), [], "it does not say whose it is");
      assert.equal((await stage.run(Effect.flip(cachedConfig(list, stage.attachment)))).code, 6);
      if (who === "libcni") { for (const verb of ["CHECK", "DEL"]) await stage.libcni(verb); }
      else for (const verb of [check, detach]) await stage.run(verb(list, stage.attachment));
      runs.push(stage.runs());
      stage.isGone();
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.deepEqual(runs[1]?.[2], ["DEL", resultOf("1.0.0")]);
  },
});

const DAMAGES: readonly (readonly [string, string])[] = [
  ["an empty file", ""],
  ["half a file", '{"kind":"cniCacheV1","containerId":"c1-'],
  ["a result of no known version", '{"kind":"cniCacheV1","result":{"cniVersion":"7.0.0"}}'],
  ["a result that cannot be read", '{"kind":"cniCacheV1","result":{"cniVersion":"1.0.0","ips":7}}'],
  ["an array", "[]"],
];

for (const [what, text] of DAMAGES) {
  Deno.test({
    ...withGo(`[C37, I29] ${what} where Go's libcni had written its entry does not keep Cleat from DEL`),
    async fn() {
      using stage = new Stage("1.0.0");
      await stage.libcni("ADD");
      Deno.writeTextFileSync(stage.entry, text);
      await stage.run(detach(await stage.list(), stage.attachment));
      assert.deepEqual(stage.runs().slice(1), [["DEL", undefined]]);
      stage.isGone();
    },
  });
}
