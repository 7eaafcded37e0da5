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

Deno.test("[A1, A5, A13, A27, A30, A34, A41, J6, J9] a list is read with its plugins in order, and its text kept", () => {
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

Deno.test("[A7, A8, A18, A19] the version is selected out of cniVersion and cniVersions", () => {
  assert.equal(parse('{"name":"n","cniVersion":"0.4.0","cniVersions":["1.0.0","9.0.0"]}').cniVersion, "1.0.0");
  assert.equal(parse('{"name":"n"}').cniVersion, "");
});

Deno.test("[A12, A23, A24, A28, A46, J14, J15] plugins may be absent only where the plugin folder may fill them", () => {
  assert.deepEqual(parse('{"name":"n"}').plugins, []);
  assert.equal(
    parse('{"name":"n","loadOnlyInlinedPlugins":"True","plugins":[{"type":"a"}]}').loadOnlyInlinedPlugins,
    true,
  );
  assert.match(
    refuse('{"name":"n","loadOnlyInlinedPlugins":true}').msg,
    /"plugins": it is missing, it must be an array/,
  );
});

Deno.test("[A2, A4, A6, A9, A19, A23, A25, A26, A31, A34, A35, A36, A39, A55, A56, A57, A58, A59, A60, A61, J130] a fault in a list names the file, the key and the value", () => {
  const faults: readonly (readonly [string, number, RegExp])[] = [
    ["", 6, /Cannot load "lab\.conflist"/],
    ['{"name":"n"} //', 6, /Cannot load/],
    ['\ufeff{"name":"n"}', 6, /Cannot load/],
    ["[]", 7, /the configuration: \[\] is not an object/],
    ["null", 7, /"name": it is missing, it must be a string/],
    ['{"Name":"n"}', 7, /"name": it is missing, it must be a string/],
    ['{"name":null}', 7, /"name": null is not a string/],
    ['{"name":"n","cniVersion":1}', 6, /Cannot load "lab\.conflist": "cniVersion": 1/],
    ['{"name":"n","cniVersions":["x"]}', 6, /"cniVersions\[0\]": "x"/],
    ['{"name":"n","disableCheck":"yes"}', 7, /"disableCheck": "yes" is not true or false/],
    ['{"name":"n","disableGC":null}', 7, /"disableGC": null/],
    ['{"name":"n","plugins":[]}', 7, /"plugins": \[\]/],
    ['{"name":"n","plugins":null}', 7, /"plugins": null/],
    ['{"name":"n","plugins":{}}', 7, /"plugins": \{\}/],
    ['{"name":"n","plugins":[{"type":"a"},{}]}', 7, /"plugins\[1\]\.type": it is missing/],
    ['{"name":"n","plugins":[null]}', 7, /"plugins\[0\]\.type": it is missing/],
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

Deno.test("[A2, A3, A6, J130] the last of equal keys wins, and null counts as absence in a plugin, but not in a list", () => {
  const list = parse(
    '{"name":"a","name":"n","plugins":[{"type":"x","type":"y","dns":null,"ipam":null,"capabilities":null}]}',
  );
  assert.deepEqual([list.name, list.plugins[0]?.type, list.plugins[0]?.capabilities], ["n", "y", {}]);
  for (
    const key of ["name", "cniVersion", "cniVersions", "disableCheck", "disableGC", "loadOnlyInlinedPlugins", "plugins"]
  ) {
    assert.match(
      refuse(JSON.stringify({ name: "n", plugins: [{ type: "a" }], [key]: null })).msg,
      new RegExp(`"${key}": null`),
    );
  }
  assert.match(refuse('{"name":"n","plugins":[{"type":null}]}').msg, /"plugins\[0\]\.type": it is missing/);
});

Deno.test("[A10, A11, A23, J13] switches are true, false, or either as a text in any case", () => {
  const read = (value: unknown) => parse(JSON.stringify({ name: "n", disableCheck: value, disableGC: value }));
  for (const value of [true, "true", "TRUE", "True"]) assert.ok(read(value).disableCheck && read(value).disableGC);
  for (const value of [false, "false", "False"]) assert.ok(!read(value).disableCheck && !read(value).disableGC);
  for (const value of ["yes", "", " true", 1, 0, [], {}]) {
    const refused = refuse(JSON.stringify({ name: "n", disableCheck: value }));
    assert.match(refused.msg, /"disableCheck": .* is not true or false/);
  }
});

Deno.test("[A7, A16, A31, A32, A33, A36, A37, A38] what the loader does not decide is left for those who use it", () => {
  const plugin = {
    type: "a/b",
    name: "own",
    cniVersion: "x",
    dns: { nameservers: ["no address"] },
    ipMasq: "any",
    runtimeConfig: 1,
    args: [],
    "cni.dev/x": null,
  };
  const list = parse(
    JSON.stringify({ name: "not / a name", cniVersion: "nonsense", plugins: [plugin], args: { labels: 1 } }),
  );
  assert.deepEqual([list.name, list.cniVersion], ["not / a name", "nonsense"]);
  assert.deepEqual(list.plugins[0]?.raw, plugin);
});

Deno.test("every fault of a list is told, the first one first", () => {
  const refused = refuse('{"name":1,"disableGC":"x","plugins":[{"type":"a","ipam":[]},{"dns":{"domain":7}}]}');
  assert.match(refused.msg, /"name": 1 is not a string/);
  assert.match(
    refused.details ?? "",
    /"disableGC".*; .*"plugins\[0\]\.ipam".*; .*"plugins\[1\]\.dns\.domain": 7.*; .*"plugins\[1\]\.type": it is missing/,
  );
});

Deno.test("a list can come from another parser than JSON's", () => {
  const list = Effect.runSync(networkListOf({ name: "n", plugins: [{ type: "a" }] }, "// text", "n.conflist"));
  assert.equal(list.raw, "// text");
  assert.equal(list.plugins[0]?.type, "a");
});

Deno.test("[A53, J24] a single plugin configuration becomes a list of its name and version", () => {
  const text = '{"cniVersion":"0.4.0","Name":"old","type":"bridge","disableCheck":true,"cniVersions":["1.0.0"]}';
  const conf = Effect.runSync(parsePluginConf(text, "old.conf"));
  const list = Effect.runSync(listFromPluginConf(conf, "old.conf"));
  assert.equal(list.name, "old");
  assert.equal(list.cniVersion, "0.4.0");
  assert.equal(list.disableCheck, false);
  assert.deepEqual(list.plugins, [conf]);
  assert.deepEqual(parse(list.raw), list);
});

Deno.test("[A54] a list in the place of a single configuration fails for its missing type", () => {
  const refused = Effect.runSync(Effect.flip(parsePluginConf('{"name":"n","plugins":[]}', "n.conf")));
  assert.match(refused.msg, /Cannot load "n\.conf": "type": it is missing.*belongs into a \.conflist/);
});

const derive = (raw: JsonObject, parameters: Parameters<typeof deriveRequestConfig>[2]) => {
  const conf = Effect.runSync(parsePluginConf(JSON.stringify(raw), "x.conf"));
  return deriveRequestConfig({ name: "lab", cniVersion: "1.1.0" }, conf, parameters);
};
const named = { name: "lab", cniVersion: "1.1.0" };

Deno.test("[C17, C22, A32, A33] a request config has the list's name and version, and every other key as written", () => {
  const raw = { type: "p", name: "own", CniVersion: "0.1.0", "cni.dev/x": 1, args: { a: [1] }, extra: null };
  const rest = { type: "p", "cni.dev/x": 1, args: { a: [1] }, extra: null };
  for (const command of ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const) {
    assert.deepEqual(derive(raw, { command }), { ...rest, ...named }, command);
  }
});

Deno.test("[C20, I18] no verb of an attachment is told the capabilities, in any case of the key; GC and STATUS are", () => {
  const raw = { type: "p", Capabilities: { mac: true } };
  for (const command of ["ADD", "CHECK", "DEL"] as const) {
    assert.deepEqual(derive(raw, { command }), { type: "p", ...named }, command);
  }
  for (const command of ["GC", "STATUS"] as const) assert.deepEqual(derive(raw, { command }), { ...raw, ...named });
});

Deno.test("[C18, C21, C24, A38, I18] what only a runtime knows is never taken from a configuration", () => {
  const stored = { cniVersion: "1.1.0", ips: [{ address: "10.9.9.9/24" }] };
  const attachments = [{ containerID: "c9", ifname: "eth0" }];
  const raw = {
    type: "p",
    prevResult: stored,
    "cni.dev/valid-attachments": attachments,
    "cni.dev/attachments": attachments,
  };
  for (const command of ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const) {
    assert.deepEqual(derive(raw, { command, prevResult: null }), { type: "p", ...named }, command);
  }
});

Deno.test("[C19, C24] runtimeConfig holds what the plugin wants and the runtime has, and replaces a stored one", () => {
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

Deno.test("[C18, C24] prevResult goes to ADD, CHECK and DEL where there is one", () => {
  const prevResult = { cniVersion: "1.1.0" };
  for (const command of ["ADD", "CHECK", "DEL"] as const) {
    assert.deepEqual(derive({ type: "p" }, { command, prevResult }), { type: "p", ...named, prevResult });
    assert.deepEqual(derive({ type: "p" }, { command, prevResult: null }), { type: "p", ...named });
  }
  assert.deepEqual(derive({ type: "p" }, { command: "GC", prevResult }), { type: "p", ...named });
  assert.deepEqual(derive({ type: "p" }, { command: "STATUS", prevResult }), { type: "p", ...named });
});

Deno.test("[C21, C48, C51, C54] GC gets the valid attachments under both keys, or none", () => {
  const list = [{ containerID: "c1", ifname: "eth0" }];
  assert.deepEqual(
    derive({ type: "p" }, { command: "GC", validAttachments: [{ containerId: "c1", ifName: "eth0" }] }),
    { type: "p", ...named, "cni.dev/valid-attachments": list, "cni.dev/attachments": list },
  );
  assert.deepEqual(derive({ type: "p" }, { command: "GC" }), { type: "p", ...named });
});
