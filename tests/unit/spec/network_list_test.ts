import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { JsonObject } from "../../../src/spec/json.ts";
import {
  deriveRequestConfig,
  listFromPluginConf,
  networkListOf,
  parseNetworkList,
  parsePluginConf,
} from "../../../src/spec/network_list.ts";

const parse = (text: string) => Effect.runSync(parseNetworkList(text, "lab.conflist"));
const refuse = (text: string) => Effect.runSync(Effect.flip(parseNetworkList(text, "lab.conflist")));
const plugins = [{ type: "bridge", isGateway: true }, {
  TYPE: "portmap",
  capabilities: { portMappings: true, x: false },
}];

Deno.test("a list is read with its plugins in order, and its text kept", () => {
  const text = JSON.stringify({
    cniVersion: "1.1.0",
    name: "lab",
    disableCheck: true,
    disableGC: "TRUE",
    plugins,
    args: 1,
  });
  assert.deepEqual(parse(text), {
    name: "lab",
    cniVersion: "1.1.0",
    disableCheck: true,
    disableGC: true,
    loadOnlyInlinedPlugins: false,
    plugins: [
      { type: "bridge", capabilities: {}, raw: plugins[0] },
      { type: "portmap", capabilities: { portMappings: true, x: false }, raw: plugins[1] },
    ],
    raw: text,
  });
});

Deno.test("the version is selected out of cniVersion and cniVersions", () => {
  assert.equal(parse('{"name":"n","cniVersion":"0.4.0","cniVersions":["1.0.0","9.0.0"]}').cniVersion, "1.0.0");
  assert.equal(parse('{"name":"n"}').cniVersion, "");
});

Deno.test("plugins may be absent only where the plugin folder may fill them", () => {
  assert.deepEqual(parse('{"name":"n"}').plugins, []);
  assert.equal(
    parse('{"name":"n","loadOnlyInlinedPlugins":"True","plugins":[{"type":"a"}]}').loadOnlyInlinedPlugins,
    true,
  );
  assert.match(refuse('{"name":"n","loadOnlyInlinedPlugins":true}').msg, /"plugins" is missing/);
});

Deno.test("a fault in a list names the file, the key and the value", () => {
  const faults: readonly (readonly [string, number, RegExp])[] = [
    ["", 6, /Cannot load "lab\.conflist"/],
    ['{"name":"n"} //', 6, /Cannot load/],
    ['\ufeff{"name":"n"}', 6, /Cannot load/],
    ["[]", 7, /"the whole": \[\] is not an object/],
    ["null", 7, /"name" is missing/],
    ['{"Name":"n"}', 7, /"name" is missing/],
    ['{"name":null}', 7, /"name": null is not a string/],
    ['{"name":"n","cniVersion":1}', 6, /Cannot load "lab\.conflist": "cniVersion": 1/],
    ['{"name":"n","cniVersions":["x"]}', 6, /"cniVersions\[0\]": "x"/],
    ['{"name":"n","disableCheck":"yes"}', 7, /"disableCheck": "yes" is not true or false/],
    ['{"name":"n","disableGC":null}', 7, /"disableGC": null/],
    ['{"name":"n","plugins":[]}', 7, /"plugins": \[\]/],
    ['{"name":"n","plugins":null}', 7, /"plugins": null/],
    ['{"name":"n","plugins":{}}', 7, /"plugins": \{\}/],
    ['{"name":"n","plugins":[{"type":"a"},{}]}', 7, /"plugins\[1\]\.type" is missing/],
    ['{"name":"n","plugins":[null]}', 7, /"plugins\[0\]\.type" is missing/],
    ['{"name":"n","plugins":[1]}', 7, /"plugins\[0\]": 1 is not an object/],
    ['{"name":"n","plugins":[{"type":""}]}', 7, /"plugins\[0\]\.type": ""/],
    ['{"name":"n","plugins":[{"type":"a","capabilities":[]}]}', 7, /"plugins\[0\]\.capabilities": \[\]/],
    ['{"name":"n","plugins":[{"type":"a","capabilities":{"mac":1}}]}', 7, /"plugins\[0\]\.capabilities\.mac": 1/],
    ['{"name":"n","plugins":[{"type":"a","ipam":"x"}]}', 7, /"plugins\[0\]\.ipam": "x"/],
    ['{"name":"n","plugins":[{"type":"a","dns":{"search":"x"}}]}', 7, /"plugins\[0\]\.dns\.search": "x"/],
    ['{"name":"n","plugins":[{"type":"a","prevResult":1}]}', 7, /"plugins\[0\]\.prevResult": 1/],
  ];
  for (const [text, code, message] of faults) {
    const refused = refuse(text);
    assert.equal(refused.code, code, text);
    assert.match(refused.msg, message);
  }
});

Deno.test("a list can come from another parser than JSON's", () => {
  const list = Effect.runSync(networkListOf({ name: "n", plugins: [{ type: "a" }] }, "// text", "n.conflist"));
  assert.equal(list.raw, "// text");
  assert.equal(list.plugins[0]?.type, "a");
});

Deno.test("a single plugin configuration becomes a list of its name and version", () => {
  const text = '{"cniVersion":"0.4.0","Name":"old","type":"bridge","disableCheck":true,"cniVersions":["1.0.0"]}';
  const conf = Effect.runSync(parsePluginConf(text, "old.conf"));
  const list = Effect.runSync(listFromPluginConf(conf, "old.conf"));
  assert.equal(list.name, "old");
  assert.equal(list.cniVersion, "0.4.0");
  assert.equal(list.disableCheck, false);
  assert.deepEqual(list.plugins, [conf]);
  assert.deepEqual(parse(list.raw), list);
});

Deno.test("a list in the place of a single configuration fails for its missing type", () => {
  const refused = Effect.runSync(Effect.flip(parsePluginConf('{"name":"n","plugins":[]}', "n.conf")));
  assert.match(refused.msg, /Cannot load "n\.conf": "type" is missing/);
});

const derive = (raw: JsonObject, parameters: Parameters<typeof deriveRequestConfig>[2]) => {
  const conf = Effect.runSync(parsePluginConf(JSON.stringify(raw), "x.conf"));
  return deriveRequestConfig({ name: "lab", cniVersion: "1.1.0" }, conf, parameters);
};
const named = { name: "lab", cniVersion: "1.1.0" };

Deno.test("a request config has the list's name and version, and every other key as written", () => {
  const raw = { type: "p", name: "own", CniVersion: "0.1.0", capabilities: { mac: true }, "cni.dev/x": 1, extra: null };
  const rest = { type: "p", capabilities: { mac: true }, "cni.dev/x": 1, extra: null };
  assert.deepEqual(derive(raw, { command: "ADD" }), { ...rest, ...named });
});

Deno.test("runtimeConfig holds what the plugin wants and the runtime has, and replaces a stored one", () => {
  const raw = { type: "p", capabilities: { mac: true, ips: true, dns: false }, runtimeConfig: { old: 1 } };
  const capabilityArgs = { mac: null, dns: {}, bandwidth: {} };
  for (const command of ["ADD", "CHECK", "DEL"] as const) {
    assert.deepEqual(derive(raw, { command, capabilityArgs }).runtimeConfig, { mac: null });
    assert.deepEqual(derive(raw, { command, capabilityArgs: { dns: {} } }).runtimeConfig, { old: 1 });
  }
  for (const command of ["GC", "STATUS"] as const) {
    assert.deepEqual(derive(raw, { command, capabilityArgs }).runtimeConfig, { old: 1 });
  }
});

Deno.test("prevResult goes to ADD, CHECK and DEL where there is one", () => {
  const prevResult = { cniVersion: "1.1.0" };
  for (const command of ["ADD", "CHECK", "DEL"] as const) {
    assert.deepEqual(derive({ type: "p" }, { command, prevResult }), { type: "p", ...named, prevResult });
    assert.deepEqual(derive({ type: "p" }, { command, prevResult: null }), { type: "p", ...named });
  }
  assert.deepEqual(derive({ type: "p" }, { command: "GC", prevResult }), { type: "p", ...named });
  assert.deepEqual(derive({ type: "p" }, { command: "STATUS", prevResult }), { type: "p", ...named });
});

Deno.test("GC gets the valid attachments under both keys, or none", () => {
  const list = [{ containerID: "c1", ifname: "eth0" }];
  assert.deepEqual(
    derive({ type: "p" }, { command: "GC", validAttachments: [{ containerId: "c1", ifName: "eth0" }] }),
    { type: "p", ...named, "cni.dev/valid-attachments": list, "cni.dev/attachments": list },
  );
  assert.deepEqual(derive({ type: "p" }, { command: "GC" }), { type: "p", ...named });
});
