import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { foldKeys, member, without } from "../../../src/spec/fold_keys.ts";
import type { Json } from "../../../src/spec/json.ts";

const Mapping = Schema.Struct({ hostPort: Schema.Int, hostIP: Schema.optionalKey(Schema.String) });
const withDefault = Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1500)));
const Conf = Schema.Struct({
  mtu: withDefault,
  runtimeConfig: Schema.optionalKey(Schema.Struct({ portMappings: Schema.Array(Mapping) })),
  sysctl: Schema.Record(Schema.String, Schema.Union([Schema.Null, Mapping])),
  either: Schema.Union([Schema.String, Mapping]),
});

const fold = (value: Json) => foldKeys(Conf.ast, value);

Deno.test("[A4, I1, J123] keys of structs take the schema's names at every level", () => {
  assert.deepEqual(fold({ RUNTIMECONFIG: { PortMappings: [{ HostPort: 80, HOSTIP: "" }] }, Either: { HOSTPORT: 1 } }), {
    runtimeConfig: { portMappings: [{ hostPort: 80, hostIP: "" }] },
    either: { hostPort: 1 },
  });
});

Deno.test("keys with a default take the schema's names too", () => {
  assert.deepEqual(fold({ MTU: 9000 }), { mtu: 9000 });
});

Deno.test("[I1] of keys that differ in case only the last one wins, exact or not", () => {
  assert.deepEqual(fold({ mtu: 1, MTU: 2 }), { mtu: 2 });
  assert.deepEqual(fold({ MTU: 2, mtu: 1 }), { mtu: 1 });
});

Deno.test("[A6] null leaves a struct key as it was", () => {
  assert.deepEqual(fold({ mtu: 1, MTU: null }), { mtu: 1 });
  assert.deepEqual(fold({ mtu: null }), {});
});

Deno.test("keys of records are data: they stay, null included, and what they hold is folded", () => {
  const sysctl = { "Net.A": null, "net.a": { HostPort: 1 } };
  assert.deepEqual(fold({ sysctl }), { sysctl: { "Net.A": null, "net.a": { hostPort: 1 } } });
});

Deno.test("unknown keys stay as they are", () => {
  assert.deepEqual(fold({ Bogus: { HostPort: null } }), { Bogus: { HostPort: null } });
});

Deno.test("a key named __proto__ is a key", () => {
  const folded = fold(JSON.parse('{"__proto__": {"mtu": 9}, "sysctl": {"__proto__": null}}'));
  assert.equal(JSON.stringify(folded), '{"__proto__":{"mtu":9},"sysctl":{"__proto__":null}}');
  assert.equal(Object.getPrototypeOf(folded), Object.prototype);
});

Deno.test("Go's simple case folding is met: long s is an s, the Kelvin sign a k", () => {
  const Folded = Schema.Struct({ sk: Schema.Int });
  assert.deepEqual(foldKeys(Folded.ast, { "ſ\u212a": 1 }), { sk: 1 });
});

Deno.test("recursive schemas are folded as deep as the value goes", () => {
  interface Tree {
    readonly left?: Tree;
  }
  const Tree: Schema.Codec<Tree> = Schema.Struct({
    left: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => Tree)),
  });
  assert.deepEqual(foldKeys(Tree.ast, { LEFT: { Left: {} } }), { left: { left: {} } });
});

Deno.test("a value of another type than the schema's is left for the decoder", () => {
  for (const value of [null, 1, "x", [{ MTU: 1 }]]) assert.deepEqual(fold(value), value);
  assert.deepEqual(fold({ RuntimeConfig: 5 }), { runtimeConfig: 5 });
});

Deno.test("member finds the last non-null value whatever the case, without drops them all", () => {
  const object = { Name: "a", NAME: "b", name: null, other: 1 };
  assert.equal(member(object, "name"), "b");
  assert.equal(member(object, "missing"), undefined);
  assert.deepEqual(without(object, ["name"]), { other: 1 });
});
