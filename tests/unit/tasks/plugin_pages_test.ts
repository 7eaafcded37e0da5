import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Plugins } from "../../../src/engine/delegate.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { validateFiles } from "../../../src/runtime/validate_files.ts";
import { faultLine } from "../../../src/spec/conf_file.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { documented, PAGES } from "../../../tasks/plugin_docs.ts";
import { filesOf } from "../../support/conf_tree.ts";

/** Every plugin that a page names is there, and speaks all versions. */
const plugins = Layer.mock(Plugins, { versions: () => Effect.succeed(VERSIONS) });

const EXAMPLE = /```json\n([^]*?)```/g;

/** The example networks of a page. */
const examplesOf = (type: string): readonly string[] =>
  [...Deno.readTextFileSync(`${PAGES}/${type}.md`).matchAll(EXAMPLE)].map(([, text = ""]) => text);

Deno.test("every plugin has a page, and no page is without a plugin", () => {
  assert.deepEqual([...documented()].sort(), [...registry.keys()].sort());
});

Deno.test("the example networks of all pages are free of faults", async () => {
  for (const type of documented()) {
    const examples = examplesOf(type);
    assert.ok(examples.length > 0, `${type}.md shows a network`);
    for (const example of examples) {
      const path = `/net.d/${type}.conflist`;
      const validation = validateFiles([path], { registry, cniPath: "" });
      const { faults } = await Effect.runPromise(
        Effect.provide(validation, Layer.merge(filesOf({ [path]: example }, []), plugins)),
      );
      assert.deepEqual(faults.map(faultLine), [], `${type}.md`);
    }
  }
});
