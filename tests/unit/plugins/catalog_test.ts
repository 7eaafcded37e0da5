import assert from "node:assert/strict";
import { PLUGIN_VERSIONS } from "../../../src/plugins/catalog.ts";
import { registry } from "../../../src/plugins/registry.ts";

Deno.test("the catalog, which VERSION answers from, says of every plugin the versions that its recipe says", () => {
  const versions = [...registry].map(([type, recipe]) => [type, recipe((plugin) => plugin.versions)] as const);
  assert.deepEqual(Object.fromEntries(versions), PLUGIN_VERSIONS);
});

Deno.test("every recipe is registered under its own type", () => {
  for (const [type, recipe] of registry) assert.equal(recipe((plugin) => plugin.type), type);
});
