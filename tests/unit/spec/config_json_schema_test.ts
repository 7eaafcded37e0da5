import assert from "node:assert/strict";
import * as Schema from "effect/Schema";
import * as SchemaAST from "effect/SchemaAST";
import { registry } from "../../../src/plugins/registry.ts";
import { configJsonSchema } from "../../../src/spec/config_json_schema.ts";
import { isJsonObject, type Json, type JsonObject } from "../../../src/spec/json.ts";

const schemaOf = (type: string): JsonObject => {
  const plugin = registry.get(type);
  if (plugin === undefined) throw new Error(`there is no plugin ${type}`);
  return plugin(({ config }) => configJsonSchema(type, config));
};

const at = (schema: Json | undefined, ...path: readonly string[]): JsonObject => {
  const found = path.reduce<Json | undefined>((value, key) => isJsonObject(value) ? value[key] : undefined, schema);
  if (!isJsonObject(found)) throw new Error(`no object at ${path.join(".")}`);
  return found;
};

const COMMON = "cniVersion name type capabilities ipam dns ipMasq args runtimeConfig prevResult".split(" ");

/** Every key of an object schema that says nothing about itself, with its path. */
function undescribed(schema: JsonObject, path: string): readonly string[] {
  const inside = isJsonObject(schema.items) ? undescribed(schema.items, `${path}[]`) : [];
  const { properties } = schema;
  return !isJsonObject(properties) ? inside : Object.entries(properties).flatMap(([key, value]) => {
    const here = `${path}.${key}`;
    if (!isJsonObject(value)) return [here];
    return [...(typeof value.description === "string" ? [] : [here]), ...undescribed(value, here)];
  });
}

Deno.test("[A30] every plugin's schema describes its own keys and those that all plugins have", () => {
  for (const type of registry.keys()) {
    const schema = schemaOf(type);
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
    assert.deepEqual(COMMON.filter((key) => !Object.hasOwn(at(schema, "properties"), key)), [], type);
    assert.equal(at(schema, "properties", "type").const, type);
    assert.deepEqual(undescribed(schema, type), []);
  }
});

Deno.test("[A29] keys that no schema knows are allowed at every level", () => {
  for (const type of registry.keys()) {
    assert.doesNotMatch(JSON.stringify(schemaOf(type)), /"additionalProperties":false/);
  }
});

/** What a schema demands: without words for people, and without what is the same for every integer and every object. */
function demands(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(demands);
  if (!isJsonObject(schema)) return schema;
  const entries = Object.entries(schema).filter(([key, value]) =>
    !["description", "default", "allOf"].includes(key) && Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER &&
    !(key === "additionalProperties" && (value === true || Object.keys(Object(value)).length === 0))
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, demands(value)]));
}

Deno.test("a schema demands the same as the one that Effect's own generator makes", () => {
  for (const [type, plugin] of registry) {
    const ours = at(schemaOf(type), "properties");
    const theirs = plugin(({ config }) =>
      Schema.toJsonSchemaDocument(Schema.make(SchemaAST.toEncoded(config.ast))).schema
    );
    const { properties = {} }: { readonly properties?: JsonObject } = JSON.parse(JSON.stringify(theirs));
    for (const [key, value] of Object.entries(properties)) {
      // These two have keys that all plugins share besides the plugin's own.
      if (key === "ipam" || key === "args") continue;
      assert.deepEqual(demands(ours[key] ?? null), demands(value), `${type}.${key}`);
    }
  }
});

Deno.test("a key has its type, its bounds, its default, and is required where it must be there", () => {
  const bridge = at(schemaOf("bridge"), "properties");
  assert.deepEqual(bridge.isGateway, {
    description: "put the gateway's address on the bridge, and forward",
    type: "boolean",
    default: false,
  });
  assert.equal(at(bridge, "bridge").default, "cni0");
  assert.deepEqual(at(bridge, "ipMasqBackend").enum, ["nftables", "iptables"]);
  assert.equal(at(bridge, "mtu").minimum, undefined, "that of a double says nothing");
  const tuning = at(schemaOf("tuning"), "properties");
  assert.deepEqual([at(tuning, "mtu").minimum, at(tuning, "mtu").maximum], [0, 2 ** 31 - 1]);
  assert.deepEqual(at(tuning, "sysctl", "additionalProperties"), { type: "string" });
  const hostLocal = schemaOf("host-local");
  assert.deepEqual(hostLocal.required, ["type", "ipam"]);
  const range = at(hostLocal, "properties", "ipam", "properties", "ranges", "items", "items");
  assert.deepEqual(range.required, ["subnet"]);
  assert.deepEqual(at(hostLocal, "properties", "ipam", "properties", "dataDir").default, "/var/lib/cni/networks");
});

Deno.test("what a plugin says of a key that all have goes together with what is common", () => {
  const bridge = at(schemaOf("bridge"), "properties");
  assert.match(String(at(bridge, "ipam").description), /layer 2/);
  assert.deepEqual(Object.keys(at(bridge, "args", "properties", "cni", "properties")), ["mac"]);
  assert.match(String(at(bridge, "args").description), /convention/);
});
