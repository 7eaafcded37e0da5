import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { FileError, Files } from "../../../src/effects/files.ts";
import { loadList, loadNetwork } from "../../../src/runtime/networks.ts";

const DIR = "/etc/cni/net.d";

type Tree = Readonly<Record<string, string | object>>;

/** Files by path; a value that is no text is written as JSON, and `unreadable` folders and files cannot be read. */
const filesOf = (tree: Tree, unreadable: readonly string[] = []): Layer.Layer<Files> => {
  const guard = <A>(doing: "read" | "list", path: string, answer: () => A) =>
    unreadable.includes(path)
      ? Effect.fail(new FileError({ doing, path, detail: "Permission denied" }))
      : Effect.sync(answer);
  const paths = Object.keys(tree);
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
  return Layer.succeed(Files)({
    read: (path) =>
      guard("read", path, () => {
        const value = tree[path];
        return value === undefined || typeof value === "string" ? value ?? null : JSON.stringify(value);
      }),
    list: (folder) =>
      guard("list", folder, () => {
        const inside = paths.filter((path) => folderOf(path) === folder);
        return inside.length === 0 ? null : inside.map((path) => path.slice(folder.length + 1)).sort();
      }),
    write: () => Effect.die(new Error("loading writes nothing")),
    remove: () => Effect.die(new Error("loading removes nothing")),
  });
};

const listOf = (name: string, ...types: readonly string[]) => ({
  cniVersion: "1.0.0",
  name,
  plugins: types.map((type) => ({ type })),
});

/** The types of the plugins of a network, in order, or the message of the error. */
const load = (tree: Tree, name: string, unreadable?: readonly string[]): string =>
  Effect.runSync(
    loadNetwork(DIR, name).pipe(
      Effect.map((list) => list.plugins.map(({ type }) => type).join()),
      Effect.catch((error) => Effect.succeed(`${error._tag}: ${error.message}`)),
      Effect.provide(filesOf(tree, unreadable)),
    ),
  );

Deno.test("[A49] the first .conflist by byte-wise name that has the network wins", () => {
  const tree = {
    [`${DIR}/20.conflist`]: listOf("lab", "second"),
    [`${DIR}/10.conflist`]: listOf("lab", "first"),
    [`${DIR}/05.conflist`]: listOf("other", "zeroth"),
    [`${DIR}/B.conflist`]: listOf("upper", "upper"),
    [`${DIR}/a.conflist`]: listOf("upper", "lower"),
  };
  assert.equal(load(tree, "lab"), "first");
  assert.equal(load(tree, "upper"), "upper", "capitals come first");
});

Deno.test("[A50] a .conflist beats .conf and .json of the same name, whatever the files are called", () => {
  const tree = {
    [`${DIR}/00.conf`]: { name: "lab", type: "conf" },
    [`${DIR}/01.json`]: { name: "lab", type: "json" },
    [`${DIR}/99.conflist`]: listOf("lab", "list"),
  };
  assert.equal(load(tree, "lab"), "list");
});

Deno.test("[A49.3] without a .conflist of that name, .conf and .json are sorted together", () => {
  const tree = {
    [`${DIR}/10.json`]: { name: "lab", type: "json" },
    [`${DIR}/20.conf`]: { name: "lab", type: "conf" },
    [`${DIR}/30.conflist`]: listOf("other", "list"),
  };
  assert.equal(load(tree, "lab"), "json");
});

Deno.test("[A49.2] a broken file before the one that is wanted is an error, one after it is not", () => {
  const broken = { [`${DIR}/10.conflist`]: "{", [`${DIR}/20.conflist`]: listOf("lab", "list") };
  assert.match(load(broken, "lab"), /^Refused: Cannot load "\/etc\/cni\/net\.d\/10\.conflist"/);
  assert.equal(load({ [`${DIR}/20.conflist`]: "{", [`${DIR}/10.conflist`]: listOf("lab", "list") }, "lab"), "list");
  const conf = { [`${DIR}/10.conf`]: '{"name":"lab"}', [`${DIR}/20.conf`]: { name: "lab", type: "x" } };
  assert.match(load(conf, "lab"), /10\.conf": "type" is missing/);
  const unreadable = { [`${DIR}/10.conflist`]: listOf("other", "x"), [`${DIR}/20.conflist`]: listOf("lab", "list") };
  assert.match(load(unreadable, "lab", [`${DIR}/10.conflist`]), /^FileError: Cannot read ".*10\.conflist": Permission/);
});

Deno.test("[A51] no configuration at all and no configuration of that name are told apart", () => {
  assert.match(load({}, "lab"), /^NetworkNotFound: Cannot find network "lab" in "\/etc\/cni\/net\.d": there are no/);
  assert.match(load({ [`${DIR}/readme.txt`]: "x" }, "lab"), /there are no network configurations/);
  const other = { [`${DIR}/10.conflist`]: listOf("other", "x") };
  assert.match(load(other, "lab"), /^NetworkNotFound: .*: no network configuration has that name/);
});

Deno.test("[A48] dot files count, other extensions do not, and an unreadable folder is an error", () => {
  assert.equal(load({ [`${DIR}/.conflist`]: listOf("lab", "dot") }, "lab"), "dot");
  assert.match(load({ [`${DIR}/10.conflist.bak`]: listOf("lab", "x") }, "lab"), /no network configurations/);
  assert.match(load({ [`${DIR}/10.conflist`]: listOf("lab", "x") }, "lab", [DIR]), /^FileError: Cannot list/);
});

Deno.test("[A42, A43] plugins of the network's own folder come after the inlined ones, .conf only, by name", () => {
  const tree = {
    [`${DIR}/10.conflist`]: listOf("lab", "one", "two"),
    [`${DIR}/lab/20.conf`]: { type: "four" },
    [`${DIR}/lab/10.conf`]: { type: "three", name: "whatever" },
    [`${DIR}/lab/15.json`]: { type: "never" },
    [`${DIR}/lab/16.conflist`]: listOf("lab", "never"),
    [`${DIR}/lab/deeper/10.conf`]: { type: "never" },
    [`${DIR}/other/10.conf`]: { type: "never" },
  };
  assert.equal(load(tree, "lab"), "one,two,three,four");
});

Deno.test("[A45] an invalid or unreadable file in the folder is an error for the whole network", () => {
  const tree = { [`${DIR}/10.conflist`]: listOf("lab", "one"), [`${DIR}/lab/10.conf`]: "{" };
  assert.match(load(tree, "lab"), /^Refused: Cannot load "\/etc\/cni\/net\.d\/lab\/10\.conf"/);
  assert.match(load({ ...tree, [`${DIR}/lab/10.conf`]: { type: "" } }, "lab"), /the name of a plugin/);
  assert.match(load(tree, "lab", [`${DIR}/lab`]), /^FileError: Cannot list/);
});

Deno.test("[A47] with loadOnlyInlinedPlugins the folder is not looked at, broken files there do no harm", () => {
  for (const loadOnlyInlinedPlugins of [true, "TRUE"]) {
    const list = { ...listOf("lab", "one"), loadOnlyInlinedPlugins };
    const tree = { [`${DIR}/10.conflist`]: list, [`${DIR}/lab/10.conf`]: "{" };
    assert.equal(load(tree, "lab"), "one");
  }
});

Deno.test("[A24, A28] a list may get all of its plugins from the folder, but must have one", () => {
  const list = { cniVersion: "1.0.0", name: "lab" };
  const tree = { [`${DIR}/10.conflist`]: list, [`${DIR}/lab/10.conf`]: { type: "one" } };
  assert.equal(load(tree, "lab"), "one");
  assert.match(
    load({ [`${DIR}/10.conflist`]: list }, "lab"),
    /"plugins" is missing.*"\/etc\/cni\/net\.d\/lab" must hold/,
  );
  assert.match(load({ ...tree, [`${DIR}/10.conflist`]: { ...list, plugins: [] } }, "lab"), /at least one plugin/);
});

Deno.test("[I20] a network whose name is no file name reads no folder", () => {
  for (const name of ["../secrets", "", ".", "a/b"]) {
    const tree = {
      [`${DIR}/10.conflist`]: listOf(name, "one"),
      "/etc/cni/secrets/10.conf": { type: "never" },
      [`${DIR}/../secrets/10.conf`]: { type: "never" },
      [`${DIR}//10.conf`]: { type: "never" },
      [`${DIR}/./10.conf`]: { type: "never" },
      [`${DIR}/a/b/10.conf`]: { type: "never" },
    };
    assert.equal(load(tree, name), "one", name);
  }
});

Deno.test("[A46, A53] the text that is cached is that of the list, without the plugins of the folder", () => {
  const text = JSON.stringify(listOf("lab", "one"));
  const tree = { [`${DIR}/10.conflist`]: text, [`${DIR}/lab/10.conf`]: { type: "two" } };
  const list = Effect.runSync(Effect.provide(loadList(`${DIR}/10.conflist`), filesOf(tree)));
  assert.equal(list.raw, text);
  assert.equal(list.plugins.length, 2);
  const conf = { name: "old", cniVersion: "0.3.1", type: "bridge", disableCheck: true };
  const old = Effect.runSync(Effect.provide(loadNetwork(DIR, "old"), filesOf({ [`${DIR}/10.conf`]: conf })));
  assert.deepEqual(JSON.parse(old.raw), { name: "old", cniVersion: "0.3.1", plugins: [conf] });
  assert.equal(old.disableCheck, false, "what stands in the plugin is not lifted to the list");
});
