/** Whatever a plugin's configuration holds: settings that read the same again, or a refusal that says where. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Plugin } from "../../src/engine/plugin.ts";
import { registry } from "../../src/plugins/registry.ts";
import { decodeConfig } from "../../src/spec/decode_config.ts";
import { isJsonObject, type Json, type JsonObject } from "../../src/spec/json.ts";
import { fuzz } from "../support/fuzz.ts";
import { REQUESTS } from "../support/fuzz_documents.ts";
import { faulty, oneOf, smallerJson } from "../support/fuzz_json.ts";
import { namesPlace, sameJson, settle } from "../support/fuzz_verdict.ts";

/** Decodes and validates as the engine does before anything is touched. */
const decode = <C>(plugin: Plugin<C>, raw: JsonObject) => {
  const key = { network: "lab", containerId: "c1", ifName: "eth0" };
  const envelope = { key, netns: null, raw, cniVersion: "1.1.0", args: new Map<string, string>(), prevResult: null };
  return Effect.tap(decodeConfig(plugin.config, raw), (config) => plugin.validate?.(config, envelope) ?? Effect.void);
};

Deno.test("every plugin of the registry has a document here", () => {
  const types = [...registry.keys()].filter((type) => type !== "cleat");
  assert.deepEqual(types.filter((type) => REQUESTS[type] === undefined), []);
});

Deno.test("whatever a plugin's configuration holds, it is refused by name or reads the same again", async (t) => {
  let read = 0;
  await fuzz<{ readonly type: string; readonly value: Json }>(t, "schemas", {
    make: (random) => {
      const type = oneOf(random, Object.keys(REQUESTS));
      return { type, value: faulty(random, REQUESTS[type] ?? {}) };
    },
    holds: ({ type, value }) => {
      const recipe = registry.get(type);
      if (recipe === undefined || !isJsonObject(value)) return;
      recipe((plugin) => {
        const verdict = settle(decode(plugin, value));
        if (!verdict.ok) return namesPlace(verdict.failure, value);
        read++;
        const again: Json = JSON.parse(JSON.stringify(verdict.value));
        assert(isJsonObject(again));
        sameJson(settle(decode(plugin, again)), verdict);
      });
    },
    smaller: function* ({ type, value }) {
      for (const smaller of smallerJson(value)) yield { type, value: smaller };
    },
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(read > 2_000, `only ${read} were read`);
});
