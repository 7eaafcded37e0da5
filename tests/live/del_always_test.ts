/** DEL gets there, whatever it is told: without a namespace, a configuration, a result, a plugin. */
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { Lab, leasesIn } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const CAPABILITIES = {
  mac: "02:00:00:00:00:09",
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostPort: 8053, containerPort: 53, protocol: "udp" },
  ],
};

/** What DEL may be told to be the namespace. */
const NAMESPACES = [
  "as it was",
  "none",
  "empty",
  "gone",
  "a plain file",
  "another namespace",
  "in a file",
  "a circle",
] as const;

/** What DEL may be told to be the configuration. */
const CONFIGS: readonly ((config: JsonObject) => JsonObject)[] = [
  (config) => config,
  ({ name = "", cniVersion = "", type = "" }) => ({ name, cniVersion, type }),
  ({ name = "", type = "" }) => ({
    name,
    cniVersion: "1.1.0",
    type,
    bridge: "other0",
    ipam: { type: "host-local", subnet: 7 },
  }),
  (config) => ({ ...config, prevResult: { cniVersion: "1.0.0", ips: [] } }),
  (config) => ({ ...config, prevResult: "nonsense" }),
];

/** The list of dbnet in this lab. */
const listIn = (lab: Lab): JsonObject => JSON.parse(gatewayDbnet(lab, "1.0.0"));

const pluginsOf = (list: JsonObject): readonly JsonObject[] =>
  Array.isArray(list.plugins) ? list.plugins.filter(isJsonObject) : [];

/** One way to attach and detach: `change` is what becomes of the configuration of DEL. */
interface Way {
  readonly name: string;
  readonly add: (lab: Lab, netns: string) => Promise<void>;
  readonly del: (lab: Lab, netns: string | undefined, change: (config: JsonObject) => JsonObject) => Promise<void>;
}

const requestOf = (list: JsonObject, plugin: JsonObject, previous: JsonObject): JsonObject => ({
  ...plugin,
  name: list.name ?? "",
  cniVersion: list.cniVersion ?? "",
  runtimeConfig: CAPABILITIES,
  ...previous,
});

/** `call` with CNI_NETNS unset where there is none. */
const delBy = (lab: Lab, plugin: JsonObject, netns: string | undefined, config: JsonObject) =>
  lab.ok(String(plugin.type), { verb: "DEL", config, netns });

const WAYS: readonly Way[] = [
  {
    name: "the plugin executables",
    add: async (lab, netns) => {
      const list = listIn(lab);
      let previous: JsonObject = {};
      for (const plugin of pluginsOf(list)) {
        const config = requestOf(list, plugin, previous);
        previous = { prevResult: await lab.ok(String(plugin.type), { verb: "ADD", config, netns }) };
      }
    },
    del: async (lab, netns, change) => {
      const list = listIn(lab);
      for (const plugin of pluginsOf(list).toReversed()) {
        await delBy(lab, plugin, netns, change(requestOf(list, plugin, {})));
      }
    },
  },
  {
    name: "the plugin cleat",
    add: async (lab, netns) => {
      const { plugins = [], name = "", cniVersion = "" } = listIn(lab);
      const config = { name, cniVersion, type: "cleat", plugins, runtimeConfig: CAPABILITIES };
      await lab.ok("cleat", { verb: "ADD", config, netns });
    },
    del: async (lab, netns, change) => {
      const { plugins = [], name = "", cniVersion = "" } = listIn(lab);
      const plugin = { name, cniVersion, type: "cleat", plugins, runtimeConfig: CAPABILITIES };
      await delBy(lab, plugin, netns, change(plugin));
    },
  },
  {
    name: "the command cleat",
    add: (lab, netns) => byCommand(lab, "add", netns),
    del: async (lab, netns, change) => {
      const file = `${lab.folder}/dbnet.conflist`;
      const list = listIn(lab);
      Deno.writeTextFileSync(file, "");
      Deno.removeSync(file);
      const plugins = pluginsOf(list).map((plugin) => {
        const { name: _, cniVersion: __, ...rest } = change({ ...plugin, name: "dbnet", cniVersion: "1.0.0" });
        return rest;
      });
      // Every other time the file is gone altogether.
      if (netns !== undefined && netns !== "") Deno.writeTextFileSync(file, JSON.stringify({ ...list, plugins }));
      await byCommand(lab, "del", netns === undefined || netns === "" ? `${lab.folder}/none` : netns);
    },
  },
];

async function byCommand(lab: Lab, verb: string, netns: string, path = lab.path): Promise<void> {
  const { code, stderr } = await command(lab, verb, netns, path);
  assert.equal(code, 0, stderr);
}

const command = (lab: Lab, verb: string, netns: string, path: string) => {
  if (verb === "add") Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, JSON.stringify(listIn(lab)));
  const args = [verb, "dbnet", netns, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`];
  return lab.cleat(args, { CAP_ARGS: JSON.stringify(CAPABILITIES), CNI_PATH: path });
};

/** What a stranger has in a namespace: the same names and values as the attachment. */
const STRANGERS = `ip link add eth0 type bridge; ip address add 10.1.0.2/16 dev eth0; ip link set eth0 mtu 1400`;
const shown = (ns: Netns) => ns.must("ip -o address show dev eth0; ip -o link show dev eth0");

for (const way of WAYS) {
  Deno.test({
    ...live(`[C32, C34] DEL by ${way.name} leaves nothing, whatever it is told of the namespace and the configuration`),
    async fn() {
      using lab = new Lab(bin);
      const link = `${lab.folder}/netns`;
      for (const [at, how] of NAMESPACES.entries()) {
        const [netns, stranger] = [lab.container(), lab.container()];
        Deno.symlinkSync(netns.path, link);
        await way.add(lab, link);
        assert.equal(Object.keys(leasesIn(lab.leases)).length, 1, how);
        if (how !== "as it was") Deno.removeSync(link);
        if (how === "a plain file") Deno.writeTextFileSync(link, "");
        stranger.must(STRANGERS);
        const before = shown(stranger);
        if (how === "a circle") Deno.symlinkSync(link, link);
        if (how === "another namespace") Deno.symlinkSync(stranger.path, link);
        const told = how === "none" ? undefined : how === "empty" ? "" : how === "in a file" ? `${link}/x` : link;
        if (how === "in a file") Deno.writeTextFileSync(link, "");
        for (const time of [0, 1]) await way.del(lab, told, CONFIGS[(at + time) % CONFIGS.length] ?? ((same) => same));
        await lab.isClean("cni0");
        assert.notEqual(netns.sh("ip link show eth0").code, 0, `${how}: the pair is gone`);
        assert.equal(shown(stranger), before, "a stranger's namespace is as it was");
        if (how !== "none" && how !== "empty" && how !== "gone") Deno.removeSync(link);
      }
    },
  });
}

/** Somebody else's plugin: passes the result on, and keeps a file as long as the attachment lasts. */
const foreignScript = (file: string): string =>
  `#!/bin/sh
case $CNI_COMMAND in
ADD) touch "${file}.$CNI_CONTAINERID"; sed 's/.*"prevResult"://; s/}$//' ;;
DEL) cat >/dev/null; rm -f "${file}.$CNI_CONTAINERID" ;;
*) cat >/dev/null ;;
esac
`;

Deno.test({
  ...live(
    "[C32] with a foreign plugin gone DEL undoes the rest, says what is owed, and pays it once the plugin is back",
  ),
  async fn() {
    using lab = new Lab(bin);
    const folder = `${lab.folder}/foreign`;
    const path = `${folder}:${lab.path}`;
    const mark = `${lab.folder}/mark`;
    Deno.mkdirSync(folder);
    const install = () => Deno.writeTextFileSync(`${folder}/them`, foreignScript(mark), { mode: 0o755 });
    const list = listIn(lab);
    const withThem = { ...list, plugins: [...pluginsOf(list), { type: "them" }] };
    const nested = { ...withThem, type: "cleat", runtimeConfig: CAPABILITIES };
    const [netns, env] = [lab.container(), { CNI_PATH: path }];
    const ways = [
      {
        add: async () => {
          Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, JSON.stringify(withThem));
          const args = ["add", "dbnet", netns.path, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`];
          const { code, stderr } = await lab.cleat(args, { CAP_ARGS: JSON.stringify(CAPABILITIES), ...env });
          assert.equal(code, 0, stderr);
        },
        del: () => command(lab, "del", netns.path, path),
      },
      {
        add: async () => void await lab.ok("cleat", { verb: "ADD", config: nested, netns, env }),
        del: () => lab.call("cleat", { verb: "DEL", config: nested, netns, env }),
      },
    ];
    for (const { add, del } of ways) {
      install();
      await add();
      assert.ok(Deno.statSync(`${mark}.c1`).isFile);
      Deno.removeSync(`${folder}/them`);
      for (const _ of [1, 2]) {
        const { code, stderr } = await del();
        assert.equal(code, 1);
        assert.match(stderr, /"?them"?.*not found/);
        assert.deepEqual(lab.remains().links, ["cni0"], "the rest is undone");
        assert.deepEqual(leasesIn(lab.leases), {});
        assert.doesNotMatch(lab.remains().firewall, /elements = /);
        assert.ok(Object.values(await lab.states()).includes("failed"), "what is owed is written down");
      }
      install();
      const { code, stderr } = await del();
      assert.equal(code, 0, stderr);
      assert.throws(() => Deno.statSync(`${mark}.c1`), Deno.errors.NotFound);
      await lab.isClean("cni0");
    }
  },
});

Deno.test({
  ...live("what this version has attached another version's executables delete, run by this one or by themselves"),
  async fn() {
    using lab = new Lab(bin);
    const other = `${lab.folder}/other`;
    Deno.mkdirSync(other);
    for (const { name } of Deno.readDirSync(bin)) {
      const launcher = Deno.readTextFileSync(`${bin}/${name}`);
      const changed = launcher.replace(/Cleat [\d.]+/, "Cleat 99.0.0").replace(/^root=.*$/m, `root=${bin}/..`);
      assert.notEqual(changed, launcher);
      Deno.writeTextFileSync(`${other}/${name}`, changed, { mode: 0o755 });
    }
    const netns = lab.container();
    for (const del of [lab.path, other]) {
      await byCommand(lab, "add", netns.path, del === other ? lab.path : other);
      await byCommand(lab, "del", netns.path, del);
      await lab.isClean("cni0");
    }
    const [executables] = WAYS;
    assert.ok(executables !== undefined);
    await executables.add(lab, netns.path);
    for (const type of ["portmap", "tuning", "bridge"]) {
      await lab.ok(`${other}/${type}`, { verb: "DEL", config: { name: "dbnet", cniVersion: "1.0.0", type }, netns });
    }
    await lab.isClean("cni0");
  },
});
