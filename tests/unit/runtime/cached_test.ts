import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Attachment } from "../../../src/runtime/attachment.ts";
import { cachedConfig, cachedResult } from "../../../src/runtime/cached.ts";
import { writeCache } from "../../../src/runtime/result_cache.ts";
import { overFiles } from "../../support/cache_files.ts";

const LAB = { name: "lab", cniVersion: "1.1.0" };
const C1: Attachment = { containerId: "c1", netns: "/run/netns/now", ifName: "eth0", cacheDir: "/cache" };
const PATH = "/cache/results/lab-c1-eth0";
const RESULT = { cniVersion: "1.1.0", ips: [{ address: "172.31.5.7/24" }] };
const TEXT = '{ "name": "lab" }\n';

/** A cache in which c1 was attached with these args. */
const cacheWith = (
  args: readonly (readonly [string, string])[],
  capabilityArgs: Readonly<Record<string, string>> = {},
): Map<string, string> => {
  const files = new Map<string, string>();
  const key = { network: "lab", containerId: "c1", ifName: "eth0" };
  const attachment = { key, netns: "/run/netns/then", args, capabilityArgs, config: TEXT };
  overFiles(files, writeCache("/cache", attachment, RESULT));
  return files;
};

Deno.test("[C61, H10] the cached result comes in the version of the list, an absent one being 0.1.0", () => {
  const files = cacheWith([]);
  assert.deepEqual(overFiles(files, cachedResult(LAB, C1)), RESULT);
  assert.deepEqual(overFiles(files, cachedResult({ ...LAB, cniVersion: "" }, C1)), { ...RESULT, cniVersion: "0.1.0" });
  assert.equal(overFiles(new Map(), cachedResult(LAB, C1)), null);
});

Deno.test("[C62, H11] the cached config gives back the text, the args if there are any, the capability args always", () => {
  const cached = overFiles(cacheWith([["A", "1"]], { mac: "m" }), cachedConfig(LAB, { ...C1, args: [["B", "2"]] }));
  assert.deepEqual(cached, {
    config: TEXT,
    attachment: { ...C1, args: [["A", "1"]], capabilityArgs: { mac: "m" } },
  }, "the namespace is the caller's");
  const given: Attachment = { ...C1, args: [["B", "2"]], capabilityArgs: { mac: "other" } };
  const without = overFiles(cacheWith([]), cachedConfig(LAB, given));
  assert.deepEqual(without?.attachment, { ...C1, args: [["B", "2"]], capabilityArgs: {} });
});

Deno.test("[C62, C65, J64, J133] a missing entry is no config and no error, a damaged or bare one is an error", () => {
  for (const cacheDir of ["/cache", "/locked"]) {
    assert.equal(overFiles(new Map(), cachedConfig(LAB, { ...C1, cacheDir })), null);
  }
  for (const text of ["", "adfadsfasdfasfdsafaf", '{"kind":"other"}', JSON.stringify(RESULT)]) {
    const refused = overFiles(new Map([[PATH, text]]), Effect.flip(cachedConfig(LAB, C1)));
    assert.equal(refused.code, 6, text);
    assert.match(refused.msg, /"\/cache\/results\/lab-c1-eth0": it is damaged, or older/);
  }
});

Deno.test("[C58, I20, J63] the getters refuse names that are empty or lead elsewhere, naming them", () => {
  const files = cacheWith([]);
  const bad: readonly (readonly [typeof LAB, Attachment, number, RegExp])[] = [
    [{ ...LAB, name: "" }, C1, 7, /network name/],
    [{ ...LAB, name: "../lab" }, C1, 7, /"\.\.\/lab"/],
    [LAB, { ...C1, containerId: "" }, 3, /container id/],
    [LAB, { ...C1, containerId: "a/b" }, 4, /"a\/b"/],
    [LAB, { ...C1, ifName: "" }, 4, /interface name/],
    [LAB, { ...C1, ifName: ".." }, 4, /"\.\."/],
  ];
  for (const [list, attachment, code, words] of bad) {
    for (
      const getter of [Effect.asVoid(cachedResult(list, attachment)), Effect.asVoid(cachedConfig(list, attachment))]
    ) {
      const refused = overFiles(files, Effect.flip(getter));
      assert.equal(refused.code, code);
      assert.match(refused.msg, words);
    }
  }
});
