import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import { documented, formatted, keyTable, PAGES, withTable } from "../../../tasks/plugin_docs.ts";

Deno.test("the tables of keys in docs/plugins are those of the schemas", async () => {
  const types = documented();
  for (const type of ["loopback", "ptp", "static"]) assert.ok(types.includes(type), `${type} has a page`);
  for (const type of types) {
    assert.ok(registry.has(type), `${type} is a plugin`);
    const page = Deno.readTextFileSync(`${PAGES}/${type}.md`);
    const made = withTable(page, keyTable(type));
    if (made !== null) assert.equal(page, await formatted(made), `${type}.md: run deno task plugin-docs --write`);
  }
});

Deno.test("a table has a plugin's own keys, those below them, and what they are when they are left out", () => {
  const rows = keyTable("static").split("\n");
  assert.ok(rows.includes("| `ipam.addresses` | list of objects |  | the container's addresses |"), rows.join("\n"));
  assert.ok(rows.some((row) => row.startsWith("| `ipam.addresses[].gateway` | string |")), rows.join("\n"));
  assert.ok(!rows.some((row) => row.includes("`cniVersion`")), "keys of all plugins are told elsewhere");
  assert.match(keyTable("ptp"), /^\| `ipMasq` \| boolean \|.*masquerade/m);
  assert.match(keyTable("bridge"), /^\| `bridge` \| string \| `"cni0"` \|/m);
  assert.equal(keyTable("loopback"), "It has no keys of its own.\n");
});

Deno.test("a table goes to its place in a page, and a page without a place has none", () => {
  assert.equal(
    withTable("a\n<!-- keys -->\nold\n<!-- /keys -->\nb\n", "new\n"),
    "a\n<!-- keys -->\n\nnew\n\n<!-- /keys -->\nb\n",
  );
  assert.equal(withTable("a\n", "new\n"), null);
});
