import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { Notices } from "../../../src/engine/notice.ts";
import { systemFiles } from "../../../src/effects/files_system.ts";
import { loadPluginConf } from "../../../src/runtime/conf_files.ts";
import { loadList, loadNetwork } from "../../../src/runtime/networks.ts";
import type { NetworkList } from "../../../src/spec/network_list.ts";
import { filesOf, listOf, type Tree } from "../../support/conf_tree.ts";

const DIR = "/etc/cni/net.d";

/** The types of the plugins of a network, in order, or the message of the error. */
const load = (tree: Tree, name: string, unreadable?: readonly string[]): Promise<string> =>
  Effect.runPromise(
    loadNetwork(DIR, name).pipe(
      Effect.map((list) => list.plugins.map(({ type }) => type).join()),
      Effect.catch((error) => Effect.succeed(`${error._tag}: ${error.message}`)),
      Effect.provide(filesOf(tree, unreadable)),
    ),
  );

/** The same, with what was said to the operator. */
async function loadAloud(tree: Tree, name: string, unreadable?: readonly string[]) {
  const said: string[] = [];
  const loaded = loadNetwork(DIR, name).pipe(
    Effect.match({ onSuccess: ({ plugins }) => plugins[0]?.type ?? "", onFailure: ({ message }) => message }),
    Effect.provide(filesOf(tree, unreadable)),
    Effect.provideService(Notices, (sentence) => void said.push(sentence)),
  );
  return { answer: await Effect.runPromise(loaded), said };
}

/** Plain JSON without a fault is loaded without waiting for anything. */
const loadSync = (tree: Tree, name: string): NetworkList =>
  Effect.runSync(Effect.provide(loadNetwork(DIR, name), filesOf(tree)));

Deno.test("[A17, A49, J9, J12] the first .conflist by byte-wise name that has the network wins", async () => {
  const tree = {
    [`${DIR}/20.conflist`]: listOf("lab", "second"),
    [`${DIR}/10.conflist`]: listOf("lab", "first"),
    [`${DIR}/05.conflist`]: listOf("other", "zeroth"),
    [`${DIR}/B.conflist`]: listOf("upper", "upper"),
    [`${DIR}/a.conflist`]: listOf("upper", "lower"),
  };
  assert.equal(await load(tree, "lab"), "first");
  assert.equal(await load(tree, "upper"), "upper", "capitals come first");
});

Deno.test("[A50, J10, J11] a .conflist beats .conf and .json of the same name, whatever the files are called", async () => {
  const tree = {
    [`${DIR}/00.conf`]: { name: "lab", type: "conf" },
    [`${DIR}/01.json`]: { name: "lab", type: "json" },
    [`${DIR}/99.conflist`]: listOf("lab", "list"),
  };
  assert.equal(await load(tree, "lab"), "list");
  const { [`${DIR}/99.conflist`]: _list, ...rest } = tree;
  assert.equal(await load(rest, "lab"), "conf");
});

Deno.test("[A49, A50, J1] without a .conflist of that name, .conf and .json are sorted together", async () => {
  const tree = {
    [`${DIR}/10.json`]: { name: "lab", type: "json" },
    [`${DIR}/20.conf`]: { name: "lab", type: "conf" },
    [`${DIR}/30.conflist`]: listOf("other", "list"),
  };
  assert.equal(await load(tree, "lab"), "json");
});

Deno.test("[A49, I22] a broken file of another network is passed over, and named in a notice", async () => {
  const wanted = { [`${DIR}/20.conflist`]: listOf("lab", "list") };
  const broken: readonly (readonly [string, string | object, RegExp])[] = [
    ["10.conflist", "{", /10\.conflist:1:2: /],
    ["10.conflist", { ...listOf("other"), plugins: 5 }, /10\.conflist:1:\d+: "plugins": 5 is not an array/],
    ["10.conflist", { name: "other", plugins: [{}] }, /10\.conflist:1:\d+: "plugins\[0\]\.type": it is missing/],
  ];
  for (const [name, content, says] of broken) {
    const { answer, said } = await loadAloud({ ...wanted, [`${DIR}/${name}`]: content }, "lab");
    assert.equal(answer, "list", name);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", says);
  }
  const unread = await loadAloud({ ...wanted, [`${DIR}/10.conflist`]: "{}" }, "lab", [`${DIR}/10.conflist`]);
  assert.equal(unread.answer, "list");
  assert.match(unread.said.join(), /Passed over .*10\.conflist.*Permission denied/);
  // Without plugins of its own and without a folder, it would be useless, but nobody has asked for it.
  const empty = await loadAloud({ ...wanted, [`${DIR}/10.conflist`]: { name: "other" } }, "lab");
  assert.deepEqual(empty, { answer: "list", said: [] });
  const after = await loadAloud({ ...wanted, [`${DIR}/30.conflist`]: "{" }, "lab");
  assert.deepEqual(after, { answer: "list", said: [] });
});

Deno.test("[A49, I22] a broken file that is the wanted network is an error, another of that name is not taken instead", async () => {
  const other = { [`${DIR}/20.conflist`]: listOf("lab", "older"), [`${DIR}/30.conf`]: { name: "lab", type: "old" } };
  for (const broken of ['{"name":"lab","plugins":', { name: "lab", plugins: [] }, { name: "lab" }]) {
    assert.match(await load({ ...other, [`${DIR}/10.conflist`]: broken }, "lab"), /^Refused: .*10\.conflist:1:\d+: /);
  }
  const conf = { [`${DIR}/10.conf`]: '{"name":"lab"}', [`${DIR}/20.conf`]: { name: "lab", type: "x" } };
  assert.match(await load(conf, "lab"), /10\.conf:1:1: "type": it is missing/);
});

Deno.test("[A49, A55, A62, J4, J7] where nobody has the network, a file that does not show its name is the error", async () => {
  const other = { [`${DIR}/20.conflist`]: listOf("other", "x") };
  assert.match(await load({ ...other, [`${DIR}/10.conflist`]: "{" }, "lab"), /^Refused: .*10\.conflist:1:2: /);
  const locked = await load({ ...other, [`${DIR}/10.conf`]: "{}" }, "lab", [`${DIR}/10.conf`]);
  assert.match(locked, /^FileError: Cannot read ".*10\.conf": Permission/);
  const { answer, said } = await loadAloud({ [`${DIR}/10.conflist`]: '{"name":"other",,}' }, "lab");
  assert.match(answer, /no network configuration has that name/);
  assert.match(said.join(), /10\.conflist:1:\d+/);
});

Deno.test("[A51, A65, J2, J3] no configuration at all and no configuration of that name are told apart", async () => {
  assert.match(
    await load({}, "lab"),
    /^NetworkNotFound: Cannot find network "lab" in "\/etc\/cni\/net\.d": there are no/,
  );
  assert.match(await load({ [`${DIR}/readme.txt`]: "x" }, "lab"), /there are no network configurations/);
  const other = { [`${DIR}/10.conflist`]: listOf("other", "x") };
  assert.match(await load(other, "lab"), /^NetworkNotFound: .*: no network configuration has that name/);
});

Deno.test("[A48, J5] dot files count, other extensions and sub-folders do not, and an unreadable folder is an error", async () => {
  assert.equal(await load({ [`${DIR}/.conflist`]: listOf("lab", "dot") }, "lab"), "dot");
  assert.match(await load({ [`${DIR}/10.conflist.bak`]: listOf("lab", "x") }, "lab"), /no network configurations/);
  assert.match(await load({ [`${DIR}/deeper/10.conflist`]: listOf("lab", "x") }, "lab"), /no network configurations/);
  assert.match(await load({ [`${DIR}/10.conflist`]: listOf("lab", "x") }, "lab", [DIR]), /^FileError: Cannot list/);
});

Deno.test("[A42, A43, A44, J16, J19, J129] plugins of the network's own folder come after the inlined ones, .conf only, by name", async () => {
  const tree = {
    [`${DIR}/10.conflist`]: listOf("lab", "one", "two"),
    [`${DIR}/lab/20.conf`]: { type: "four" },
    [`${DIR}/lab/10.conf`]: { type: "three", name: "whatever" },
    [`${DIR}/lab/15.json`]: { type: "never" },
    [`${DIR}/lab/16.conflist`]: listOf("lab", "never"),
    [`${DIR}/lab/deeper/10.conf`]: { type: "never" },
    [`${DIR}/other/10.conf`]: { type: "never" },
  };
  assert.equal(await load(tree, "lab"), "one,two,three,four");
});

Deno.test("[A45, A63, J129] an invalid or unreadable file in the folder is an error, so is a folder that is a file", async () => {
  const tree = { [`${DIR}/10.conflist`]: listOf("lab", "one"), [`${DIR}/lab/10.conf`]: "{" };
  assert.match(await load(tree, "lab"), /^Refused: \/etc\/cni\/net\.d\/lab\/10\.conf:1:2: /);
  assert.match(await load({ ...tree, [`${DIR}/lab/10.conf`]: { type: "" } }, "lab"), /the name of a plugin/);
  assert.match(await load(tree, "lab", [`${DIR}/lab`]), /^FileError: Cannot list ".*\/lab"/);
  const file = { [`${DIR}/10.conflist`]: listOf("lab", "one"), [`${DIR}/lab`]: "" };
  assert.match(await load(file, "lab"), /^FileError: Cannot list ".*\/lab": Not a directory/);
});

Deno.test("[A12, A47, I23, J14, J20] with loadOnlyInlinedPlugins the folder is not looked at, broken files there do no harm", async () => {
  for (const loadOnlyInlinedPlugins of [true, "TRUE"]) {
    const list = { ...listOf("lab", "one"), loadOnlyInlinedPlugins };
    assert.equal(await load({ [`${DIR}/10.conflist`]: list, [`${DIR}/lab/10.conf`]: "{" }, "lab"), "one");
    assert.equal(await load({ [`${DIR}/10.conflist`]: list, [`${DIR}/lab`]: "a file" }, "lab"), "one");
  }
});

Deno.test("[A24, A25, A28, A59, A64, J16, J17, J18] a list may get all of its plugins from the folder, but must have one", async () => {
  const list = { cniVersion: "1.0.0", name: "lab" };
  const tree = { [`${DIR}/10.conflist`]: list, [`${DIR}/lab/10.conf`]: { type: "one" } };
  assert.equal(await load(tree, "lab"), "one");
  assert.match(
    await load({ [`${DIR}/10.conflist`]: list }, "lab"),
    /10\.conflist:1:1: "plugins": it is missing.*"\/etc\/cni\/net\.d\/lab" must hold a \.conf file/,
  );
  assert.match(await load({ ...tree, [`${DIR}/10.conflist`]: { ...list, plugins: [] } }, "lab"), /at least one plugin/);
  assert.equal(await load({ [`${DIR}/10.conflist`]: listOf("lab", "one"), [`${DIR}/lab/x`]: "" }, "lab"), "one");
});

Deno.test("[A14, I20] a network whose name is no file name reads no folder", async () => {
  for (const name of ["../secrets", "", ".", "a/b"]) {
    const tree = {
      [`${DIR}/10.conflist`]: listOf(name, "one"),
      "/etc/cni/secrets/10.conf": { type: "never" },
      [`${DIR}/../secrets/10.conf`]: { type: "never" },
      [`${DIR}//10.conf`]: { type: "never" },
      [`${DIR}/./10.conf`]: { type: "never" },
      [`${DIR}/a/b/10.conf`]: { type: "never" },
    };
    assert.equal(await load(tree, name), "one", name);
  }
});

Deno.test("[A41, A46, A53, I21, J24] the text that is cached is that of the list, without the plugins of the folder", () => {
  const text = JSON.stringify(listOf("lab", "one"));
  const tree = { [`${DIR}/10.conflist`]: text, [`${DIR}/lab/10.conf`]: { type: "two" } };
  const list = Effect.runSync(Effect.provide(loadList(`${DIR}/10.conflist`), filesOf(tree)));
  assert.equal(list.raw, text);
  assert.equal(list.plugins.length, 2);
  const conf = { name: "old", cniVersion: "0.3.1", type: "bridge", disableCheck: true };
  const old = loadSync({ [`${DIR}/10.conf`]: conf }, "old");
  assert.deepEqual(JSON.parse(old.raw), { name: "old", cniVersion: "0.3.1", plugins: [conf] });
  assert.equal(old.disableCheck, false, "what stands in the plugin is not lifted to the list");
});

const COMMENTED = `{
  /* the network of the databases */
  "cniVersion": "1.1.0", // the newest
  "name": "dbnet",
  "plugins": [
    {
      "type": "bridge",
      "keyA": ["some more", "plugin specific", "configuration",], // not ours
      "ipam": { "type": "host-local", "subnet": "10.1.0.0/16", },
    },
  ],
}
// the end
`;

Deno.test("files may have comments and trailing commas: lists, single configurations, and those of the folder", async () => {
  const tree = {
    [`${DIR}/10.conflist`]: COMMENTED,
    [`${DIR}/dbnet/10.conf`]: '// chained\n{"type":"tuning",}',
    [`${DIR}/20.json`]: '{"name":"old","type":"bridge"} /* a network of one plugin */',
  };
  assert.equal(await load(tree, "dbnet"), "bridge,tuning");
  assert.equal(await load(tree, "old"), "bridge");
  const list = await Effect.runPromise(Effect.provide(loadList(`${DIR}/10.conflist`), filesOf(tree)));
  assert.deepEqual(JSON.parse(list.raw).plugins, list.plugins.slice(0, 1).map(({ raw }) => raw), "the cache is plain");
});

Deno.test("[A57, A58, A60, A61, J8, J13] a refusal names file, line and column of every fault, the first one first", async () => {
  const text = `{
  "name": "lab", "cniVersion": 1,
  // comments do not shift lines
  "disableCheck": "maybe",
  "plugins": [{ "type": "bridge", "ipam": "host-local" }, { "name": "x" }]
}`;
  const path = `${DIR}/10.conflist`;
  const refused = await Effect.runPromise(Effect.flip(Effect.provide(loadList(path), filesOf({ [path]: text }))));
  assert.deepEqual(refused.message.split("; "), [
    `${path}:2:32: "cniVersion": 1 is not a string`,
    `${path}:4:19: "disableCheck": "maybe" is not true or false`,
    `${path}:5:43: "plugins[0].ipam": "host-local" is not an object`,
    `${path}:5:59: "plugins[1].type": it is missing, it must be the name of a plugin`,
  ]);
});

Deno.test("[A48, A54, A62] a missing file, a folder in its place and a list in a .conf file are errors that say so", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "cleat-networks-" });
  const refusal = (load: typeof loadPluginConf, path: string) =>
    Effect.runPromise(Effect.flip(Effect.provide(load(path), systemFiles))).then(({ message }) => message);
  try {
    Deno.mkdirSync(`${folder}/folder`);
    Deno.symlinkSync(`${folder}/folder`, `${folder}/10.conflist`);
    Deno.writeTextFileSync(`${folder}/20.conf`, JSON.stringify(listOf("lab", "x")));
    assert.match(await refusal(loadPluginConf, `${folder}/no.conf`), /Cannot read ".*no\.conf": there is no such file/);
    assert.match(await refusal(loadPluginConf, `${folder}/20.conf`), /20\.conf:1:1: "type".*\.conflist file/);
    const linked = await Effect.runPromise(Effect.flip(Effect.provide(loadNetwork(folder, "linked"), systemFiles)));
    assert.match(linked.message, /10\.conflist/);
    Deno.writeTextFileSync(`${folder}/30.conflist`, JSON.stringify(listOf("net", "x")));
    Deno.writeTextFileSync(`${folder}/net`, "a file");
    const blocked = await Effect.runPromise(Effect.flip(Effect.provide(loadNetwork(folder, "net"), systemFiles)));
    assert.match(blocked.message, /Cannot list ".*\/net"/);
    const none = await Effect.runPromise(Effect.flip(Effect.provide(loadNetwork(`${folder}/none`, "x"), systemFiles)));
    assert.match(none.message, /there are no network configurations/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
