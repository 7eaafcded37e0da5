import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { injectConf } from "../../../src/runtime/inject_conf.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { parsePluginConf } from "../../../src/spec/plugin_conf.ts";

const conf = (text: string) => Effect.runSync(parsePluginConf(text, "a.conf"));
const BRIDGE = '{"type":"bridge","name":"lab","capabilities":{"mac":true},"key":1}';

const refusal = (text: string, values: JsonObject): string =>
  Effect.runSync(Effect.flip(injectConf(conf(text), values))).message;

Deno.test("[A66, H18, J22] injecting adds keys, replaces them, and gives the same again for the same values", () => {
  const injected = Effect.runSync(injectConf(conf(BRIDGE), { key: "two", dns: { nameservers: ["10.1.0.1"] } }));
  assert.deepEqual(injected.raw, {
    type: "bridge",
    name: "lab",
    capabilities: { mac: true },
    key: "two",
    dns: { nameservers: ["10.1.0.1"] },
  });
  assert.deepEqual(Effect.runSync(injectConf(injected, { key: "two" })).raw, injected.raw);
});

Deno.test("[A66] what the runtime reads of the configuration follows the injected keys", () => {
  const injected = Effect.runSync(injectConf(conf(BRIDGE), { type: "ptp", capabilities: { ips: true, mac: false } }));
  assert.equal(injected.type, "ptp");
  assert.deepEqual(injected.capabilities, { ips: true, mac: false });
});

Deno.test("[A66, A4] a key that differs in case only is replaced too: Go would take either", () => {
  const injected = Effect.runSync(injectConf(conf('{"Type":"bridge"}'), { type: "ptp" }));
  assert.deepEqual(injected.raw, { type: "ptp" });
});

Deno.test("[A66, J21] an empty key, a null, and what leaves no plugin are refused; an empty list is a value", () => {
  assert.match(refusal(BRIDGE, { "": 1 }), /plugin "bridge": "" is no key/);
  assert.match(refusal(BRIDGE, { mtu: null }), /"mtu" is null/);
  assert.match(refusal(BRIDGE, { type: "" }), /"type": "" is not the name of a plugin/);
  assert.match(refusal(BRIDGE, { type: 7 }), /"type": 7 is not the name of a plugin/);
  assert.match(refusal(BRIDGE, { capabilities: { mac: "yes" } }), /"capabilities.mac": "yes" is not true or false/);
  assert.deepEqual(Effect.runSync(injectConf(conf(BRIDGE), { key: [] })).raw.key, []);
});
