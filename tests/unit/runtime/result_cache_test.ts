import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { FileError, Files } from "../../../src/effects/files.ts";
import { cachePath, readCachedResult, removeCache, writeCache } from "../../../src/runtime/result_cache.ts";
import type { AttachmentKey } from "../../../src/spec/key.ts";
import type { CniResult } from "../../../src/spec/result.ts";

const KEY: AttachmentKey = { network: "lab", containerId: "c1", ifName: "eth0" };
const PATH = "/cache/results/lab-c1-eth0";
const RESULT: CniResult = { cniVersion: "1.1.0", ips: [{ address: "172.31.5.7/24" }] };

const over = (files: Map<string, string>): Layer.Layer<Files> =>
  Layer.succeed(Files)({
    read: (path) =>
      path.includes("locked")
        ? Effect.fail(new FileError({ doing: "read", path, detail: "Permission denied" }))
        : Effect.sync(() => files.get(path) ?? null),
    list: () => Effect.succeed(null),
    write: (path, content) => Effect.sync(() => void files.set(path, content)),
    remove: (path) => Effect.sync(() => void files.delete(path)),
  });

const write = (files: Map<string, string>, result = RESULT, more: Partial<Parameters<typeof writeCache>[1]> = {}) => {
  const attachment = {
    key: KEY,
    netns: "/run/netns/x1",
    args: [],
    capabilityArgs: {},
    config: '{"name":"lab"}',
    ...more,
  };
  return Effect.runSync(Effect.provide(writeCache("/cache", attachment, result), over(files)));
};

const read = (files: Map<string, string>, version = "1.1.0", dir = "/cache") =>
  Effect.runSync(Effect.provide(readCachedResult(dir, KEY, version), over(files)));

Deno.test("[cache] an entry is, byte for byte, what libcni would read", () => {
  const files = new Map<string, string>();
  write(files, RESULT, { args: [["A", "1"]], capabilityArgs: { mac: "02:00:00:00:00:01" } });
  assert.deepEqual([...files], [[
    PATH,
    '{"kind":"cniCacheV1","containerId":"c1","config":"eyJuYW1lIjoibGFiIn0=","ifName":"eth0","networkName":"lab",' +
    '"netns":"/run/netns/x1","cniArgs":[["A","1"]],"capabilityArgs":{"mac":"02:00:00:00:00:01"},' +
    '"result":{"cniVersion":"1.1.0","ips":[{"address":"172.31.5.7/24"}]}}',
  ]]);
  assert.equal(cachePath("/cache", KEY), PATH);
});

Deno.test("[cache] what is empty is left out, and text that is not ASCII survives", () => {
  const files = new Map<string, string>();
  write(files, RESULT, { netns: "", config: '{"name":"läb"}' });
  const entry = JSON.parse(files.get(PATH) ?? "");
  assert.deepEqual(Object.keys(entry), ["kind", "containerId", "config", "ifName", "networkName", "result"]);
  const bytes = Uint8Array.from(atob(entry.config), (char) => char.charCodeAt(0));
  assert.equal(new TextDecoder().decode(bytes), '{"name":"läb"}');
});

Deno.test("[cache] a result of any version is read back as it was written", () => {
  const results: readonly CniResult[] = [
    RESULT,
    { cniVersion: "0.2.0", ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }] },
    {
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", sandbox: "/x" }],
      ips: [{ address: "fd00::2/64", interface: 0 }],
    },
    { cniVersion: "1.0.0", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }], dns: { nameservers: ["10.1.0.1"] } },
  ];
  for (const result of results) {
    const files = new Map<string, string>();
    write(files, result);
    assert.deepEqual(read(files, result.cniVersion), result, result.cniVersion);
  }
});

Deno.test("[cache] the old format, a bare result, is read too", () => {
  const files = new Map([[PATH, '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.0.2/24"}]}']]);
  assert.deepEqual(read(files, "0.4.0")?.ips, [{ address: "10.1.0.2/24" }]);
});

Deno.test("[I29] whatever is wrong with an entry, it reads as none", () => {
  const damages = ["", "{", "null", "[]", '"x"', '{"kind":"cniCacheV1"}', '{"kind":"cniCacheV1","result":7}', "{}"];
  damages.push('{"kind":"cniCacheV1","result":{"cniVersion":"1.1.0","ips":"none"}}', '{"kind":"cniCacheV2"}');
  for (const text of damages) assert.equal(read(new Map([[PATH, text]]))?.ips, undefined, text);
  for (const text of damages.slice(0, 7)) assert.equal(read(new Map([[PATH, text]])), null, text);
  assert.equal(read(new Map()), null);
  assert.equal(read(new Map(), "1.1.0", "/locked"), null, "also one that cannot be read");
});

Deno.test("[cache] removing an entry is fine whether it is there or not", () => {
  const files = new Map([[PATH, "x"], ["/cache/results/lab-c2-eth0", "y"]]);
  for (let i = 0; i < 2; i++) Effect.runSync(Effect.provide(removeCache("/cache", KEY), over(files)));
  assert.deepEqual([...files.keys()], ["/cache/results/lab-c2-eth0"]);
});
