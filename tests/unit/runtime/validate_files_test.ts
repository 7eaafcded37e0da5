import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { DelegateError, Plugins } from "../../../src/engine/delegate.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { validateFiles } from "../../../src/runtime/validate_files.ts";
import { faultLine } from "../../../src/spec/conf_file.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { filesOf, listOf, type Tree } from "../../support/conf_tree.ts";

const DIR = "/net.d";

/** Our plugins, and an old one that is not. */
const plugins = Layer.mock(Plugins, {
  versions: (plugin) => {
    if (registry.has(plugin)) return Effect.succeed(VERSIONS);
    if (plugin === "old") return Effect.succeed(["0.3.1", "0.4.0"]);
    const failure = { code: 5, msg: `Cannot find plugin "${plugin}": not found in CNI_PATH "/opt/cni/bin"` };
    return Effect.fail(new DelegateError({ plugin, command: "VERSION", failure, didNothing: true }));
  },
});

const validate = (tree: Tree, paths: readonly string[] = [DIR], unreadable: readonly string[] = []) =>
  Effect.runPromise(
    Effect.provide(
      validateFiles(paths, { registry, cniPath: "/opt/cni/bin" }),
      Layer.merge(filesOf(tree, unreadable), plugins),
    ),
  );

/** The faults of a tree, as lines. */
const linesOf = async (tree: Tree, paths?: readonly string[], unreadable?: readonly string[]) =>
  (await validate(tree, paths, unreadable)).faults.map(faultLine);

/** The faults of one list. */
const faultsIn = async (list: string | object): Promise<readonly string[]> =>
  (await linesOf({ [`${DIR}/1.conflist`]: list })).map((line) => line.replace(`${DIR}/1.conflist:`, ""));

/** A list of one plugin. */
const withPlugin = (plugin: object, others: object = {}) => ({
  cniVersion: "1.0.0",
  name: "lab",
  plugins: [plugin],
  ...others,
});

const IPAM = { type: "host-local", subnet: "10.1.0.0/16" };

Deno.test("the example of the mission, with its comments and a key of its own, has no fault", async () => {
  const text = Deno.readTextFileSync("examples/dbnet.conflist");
  const commented = `// the databases\n${text.replace('"dbnet",', '"dbnet", /* its name */').replace("]\n}", "],\n}")}`;
  assert.notEqual(commented.length, text.length);
  assert.deepEqual(await faultsIn(text), []);
  assert.deepEqual(await faultsIn(commented), []);
});

Deno.test("all faults of a file are told at once, each with its place, in the order of the text", async () => {
  const text = `{
  "cniVersion": "1.1.0", "name": "lab/1",
  "disableChek": true,
  "plugins": [
    { "type": "bridge", "isGateway": "yes", "mtu": 9, "mtu": 1.5, "ipam": { "type": "host-local", "subnet": 7 } },
    { "type": "tuning", "sysctl": { "net.core.somaxconn": 500 } },
  ]
}`;
  assert.deepEqual(await faultsIn(text), [
    `2:34: "name": "lab/1" is not a name of 1 to 255 characters: letters, digits, '_', '.' and '-', beginning with a letter or digit`,
    `3:3: "disableChek": there is no such key, did you mean "disableCheck"?`,
    `5:38: "plugins[0].isGateway": "yes" is not a boolean`,
    `5:55: "plugins[0].mtu": it stands there twice, and only the last one counts`,
    `5:62: "plugins[0].mtu": 1.5 is not an integer`,
    `5:109: "plugins[0].ipam.subnet": 7 is not a string`,
    `6:59: "plugins[1].sysctl.net.core.somaxconn": 500 is not a string`,
  ]);
});

Deno.test("[A29] a misspelt key is told with the nearest one, at every level; a key that resembles none is allowed", async () => {
  const told = await faultsIn(withPlugin({
    type: "bridge",
    keyA: ["some more"],
    isGatway: true,
    IsGateway: true,
    capabilities: { Mac: true, somethingElse: true, mac: false },
    ipam: { ...IPAM, rangeStrat: "10.1.0.9", routes: [{ dts: "0.0.0.0/0", dst: "0.0.0.0/0" }], ours: 1 },
    dns: { nameserver: [] },
    args: { cni: { mca: "x" } },
  }, { plugin: [], args: {} }));
  assert.deepEqual(told.map((line) => line.replace(/^1:\d+: /, "")), [
    '"plugins[0].isGatway": there is no such key, did you mean "isGateway"?',
    '"plugins[0].capabilities.Mac": there is no such key, did you mean "mac"?',
    '"plugins[0].ipam.rangeStrat": there is no such key, did you mean "rangeStart"?',
    '"plugins[0].ipam.routes[0].dts": there is no such key, did you mean "dst"?',
    '"plugins[0].dns.nameserver": there is no such key, did you mean "nameservers"?',
    '"plugin": there is no such key, did you mean "plugins"?',
  ]);
});

Deno.test("[A4] a list's own keys are told by their exact case", async () => {
  assert.match((await faultsIn({ ...listOf("lab", "portmap"), DisableGC: true })).join(), /"DisableGC".*"disableGC"/);
  assert.deepEqual(await faultsIn(withPlugin({ TYPE: "portmap", SNAT: true })), []);
});

Deno.test("what our plugins would refuse is told before there is a container", async () => {
  const faults: readonly (readonly [object, RegExp])[] = [
    [{ type: "bridge", vlan: 5000 }, /^1:\d+: "plugins\[0\]\.vlan": 5000/],
    [{ type: "bridge", hairpinMode: true, promiscMode: true }, /"plugins\[0\]\.hairpinMode" with "promiscMode"/],
    [
      { type: "bridge", ipam: { ...IPAM, gateway: "10.2.0.1" } },
      /^1:\d+: "plugins\[0\]": .*"ipam\.gateway" 10\.2\.0\.1/,
    ],
    [{ type: "bridge", ipam: { type: "host-local" } }, /has no range/],
    [{ type: "tuning", sysctl: { "kernel.panic": "1" } }, /"kernel\.panic": it is not below net/],
    [{ type: "portmap", backend: "ebtables" }, /"plugins\[0\]\.backend": "ebtables" is not known/],
    [{ type: "portmap", markMasqBit: 40 }, /"plugins\[0\]\.markMasqBit": 40 is not a bit/],
  ];
  for (const [plugin, says] of faults) {
    const told = await faultsIn(withPlugin(plugin));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", says);
  }
  const ranges = { type: "bridge", capabilities: { ipRanges: true }, ipam: { type: "host-local" } };
  assert.deepEqual(await faultsIn(withPlugin(ranges)), [], "each container brings its ranges");
});

Deno.test("a fault of a rule stands where the key does that it is about", async () => {
  const text = `{"cniVersion": "1.0.0", "name": "lab", "plugins": [{"type": "bridge",
"ipam": {"type": "host-local", "subnet": "10.1.0.0/16",
  "gateway": "10.2.0.1"}}]}`;
  assert.match((await faultsIn(text)).join(), /^3:14: /);
});

Deno.test("[A19, A20, A21, A22, I24] a version that does not exist, or that a plugin does not speak, is a fault", async () => {
  const versions: readonly (readonly [object, RegExp | null])[] = [
    [{ cniVersion: "1.2.3" }, /^1:15: "cniVersion": "1\.2\.3" is not a released version.*0\.1\.0.*1\.1\.0/],
    [
      { cniVersion: undefined, cniVersions: ["1.0.0", "1.0.7"] },
      /^1:\d+: "cniVersions\[1\]": "1\.0\.7" is not a released/,
    ],
    [{ cniVersion: "9.0.0", cniVersions: ["1.1.0"] }, null],
    [{ cniVersion: "x", cniVersions: ["1.0.0"] }, /"cniVersion": "x" is not a version such as/],
    [{ cniVersion: undefined }, null],
  ];
  for (const [others, says] of versions) {
    const told = (await faultsIn({ ...listOf("lab", "portmap"), ...others })).join("\n");
    if (says === null) assert.equal(told, "");
    else assert.match(told, says);
  }
  const [told = "", ...more] = await faultsIn(listOf("lab", "portmap", "old"));
  assert.match(told, /^1:\d+: "plugins\[1\]\.type": "old" does not speak version "1\.0\.0", but 0\.3\.1, 0\.4\.0$/);
  assert.deepEqual(more, []);
  assert.deepEqual(await faultsIn({ ...listOf("lab", "old"), cniVersions: ["0.4.0"], cniVersion: "0.3.1" }), []);
});

Deno.test("[A68, J43, J57] a plugin that is not there is named, an IPAM plugin as well; its keys are nobody's business", async () => {
  const told = await faultsIn(
    withPlugin({ type: "somebody-elses", mode: "bridge", typ: 1, ipam: { type: "others-ipam" } }),
  );
  assert.equal(told.length, 2);
  assert.match(told[0] ?? "", /"plugins\[0\]\.type": Cannot find plugin "somebody-elses": not found in CNI_PATH/);
  assert.match(told[1] ?? "", /"plugins\[0\]\.ipam\.type": Cannot find plugin "others-ipam"/);
});

Deno.test("a chain within a chain is checked like one, and asks outside for what its plugins want", async () => {
  const told = await faultsIn(withPlugin({
    type: "cleat",
    capabilities: { mac: true },
    plugins: [
      { type: "bridge", capabilities: { mac: true }, vlan: -1 },
      { type: "portmap", capabilities: { portMappings: true }, sant: true },
      { type: "somebody-elses" },
    ],
  }));
  const says = [
    /"plugins\[0\]\.plugins\[0\]\.vlan": -1/,
    /"plugins\[0\]\.plugins\[1\]\.capabilities\.portMappings": .*"plugins\[0\]\.capabilities" has it too/,
    /"plugins\[0\]\.plugins\[1\]\.sant": .*"snat"/,
    /"plugins\[0\]\.plugins\[2\]\.type": Cannot find plugin "somebody-elses"/,
  ];
  assert.equal(told.length, says.length, told.join("\n"));
  for (const [index, pattern] of says.entries()) assert.match(told[index] ?? "", pattern);
});

Deno.test("two entries of our plugins that are equal to the letter are a fault, two different ones are not", async () => {
  const tuning = (mtu: number) => ({ type: "tuning", mtu });
  const list = (...plugins: readonly object[]) => ({ cniVersion: "1.0.0", name: "lab", plugins });
  assert.match(
    (await faultsIn(list(tuning(1), tuning(1)))).join(),
    /"plugins\[1\]": it equals "plugins\[0\]" to the letter/,
  );
  assert.deepEqual(await faultsIn(list(tuning(1), tuning(2))), []);
});

Deno.test("[A17] a folder is checked in the order of search, and the second network of a name is a fault", async () => {
  const { files, faults } = await validate({
    [`${DIR}/20.conf`]: { name: "lab", cniVersion: "1.0.0", type: "portmap" },
    [`${DIR}/30.conflist`]: listOf("lab", "portmap"),
    [`${DIR}/10.json`]: { name: "other", cniVersion: "1.0.0", type: "portmap" },
    [`${DIR}/readme.md`]: "not a network",
  });
  assert.deepEqual(files, [`${DIR}/30.conflist`, `${DIR}/10.json`, `${DIR}/20.conf`]);
  assert.deepEqual(faults.map(faultLine), [
    `${DIR}/20.conf:1:9: "name": "lab" is the network in ${DIR}/30.conflist already, which is found first`,
  ]);
});

Deno.test("[A42, A43, A45, A47, A64] the plugins of a list's folder are checked with it, unless it wants only its own", async () => {
  const tree = {
    [`${DIR}/1.conflist`]: listOf("lab", "portmap"),
    [`${DIR}/lab/1.conf`]: '{ "type": "tuning", "mtu": "x" }',
    [`${DIR}/lab/2.conf`]: "{",
    [`${DIR}/lab/3.conf`]: { type: "tuning", name: "not the network's", cniVersion: "9" },
    [`${DIR}/lab/4.json`]: "{",
  };
  const told = await linesOf(tree);
  assert.equal(told.length, 2, told.join("\n"));
  assert.match(told[0] ?? "", /^\/net\.d\/lab\/1\.conf:1:28: "mtu": "x" is not a number$/);
  assert.match(told[1] ?? "", /^\/net\.d\/lab\/2\.conf:1:2: /);
  assert.deepEqual(
    await linesOf({ ...tree, [`${DIR}/1.conflist`]: { ...listOf("lab", "portmap"), loadOnlyInlinedPlugins: true } }),
    [],
  );
  const bare = { name: "lab", cniVersion: "1.0.0" };
  assert.deepEqual((await linesOf({ ...tree, [`${DIR}/1.conflist`]: bare })).length, 2, "the folder has its plugins");
  assert.match(
    (await faultsIn(bare)).join(),
    /^1:1: "plugins": it is missing.*"\/net\.d\/lab" must hold a \.conf file$/,
  );
  const blocked = await linesOf({ [`${DIR}/1.conflist`]: listOf("lab", "portmap"), [`${DIR}/lab`]: "a file" });
  assert.deepEqual(blocked, ['/net.d/lab: Cannot list "/net.d/lab": Not a directory']);
});

Deno.test("[A9, A54, A55, A56] what is no configuration at all is one fault; a single one must have a name and a type", async () => {
  for (const text of ["[]", "7", '"x"']) {
    assert.match((await faultsIn(text)).join("\n"), /^1:1: the configuration: .* is not an object$/);
  }
  assert.match((await faultsIn("null")).join("\n"), /"name": it is missing/);
  const single = await linesOf({ [`${DIR}/1.conf`]: listOf("lab", "portmap") });
  assert.match(single.join(), /^\/net\.d\/1\.conf:1:1: "type": it is missing.*\.conflist file$/);
  assert.match((await linesOf({ [`${DIR}/1.conf`]: { type: "portmap" } })).join(), /"name": it is missing/);
});

Deno.test("[A48, A62] what cannot be read, is not there, or is empty, is a fault of the whole", async () => {
  const tree = { [`${DIR}/1.conflist`]: listOf("lab", "portmap"), "/empty/readme": "" };
  const paths = [`${DIR}/1.conflist`, "/no/such", "/empty", DIR];
  assert.deepEqual(await linesOf(tree, paths.slice(0, 3), [`${DIR}/1.conflist`]), [
    '/net.d/1.conflist: Cannot read "/net.d/1.conflist": Permission denied',
    '/no/such: Cannot read "/no/such": there is no such file',
    "/empty: there are no network configurations in this folder",
  ]);
  const { faults } = await validate(tree, [paths[1] ?? ""]);
  assert.deepEqual([faults[0]?.line, faults[0]?.column, faults[0]?.key], [null, null, null]);
});

Deno.test("very many faults are told as well, in time", async () => {
  const count = 20_000;
  const { faults } = await validate({
    [`${DIR}/1.conflist`]: `{"name":"lab","plugins":[${'{"x":1},'.repeat(count)}{"type":"portmap"}]}`,
  });
  assert.equal(faults.length, count);
  assert.equal(faults.at(-1)?.column, 26 + 8 * (count - 1));
});
