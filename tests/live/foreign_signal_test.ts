/** Ends that come from outside, with other people's plugins in the middle of their work. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import { runs, Scripts } from "../support/scripts.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns, name, "no namespaces");

/** Logs its verb, and on ADD waits for ever with a child. */
const HANGS = (folder: string) => `
echo "$CNI_COMMAND" >> ${folder}/verbs
[ "$CNI_COMMAND" = ADD ] || exit 0
sleep 1000 & echo "$$ $!" > ${folder}/pids
wait`;

/** Waits for a file that a plugin writes; null when the process that runs it ends without. */
async function written(scripts: Scripts, name: string, child: Deno.ChildProcess): Promise<string | null> {
  let ended = false;
  child.status.then(() => ended = true);
  for (;;) {
    const text = scripts.read(name);
    if (text !== null || ended) return text;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    ...live(
      `[B57] ${signal} to "cleat add" kills the plugin that runs, with its children, runs its DEL, and leaves nothing`,
    ),
    async fn() {
      using lab = new Lab(bin);
      using scripts = new Scripts();
      scripts.write("first", `echo '{"cniVersion":"1.1.0"}'`);
      scripts.write("them", HANGS(scripts.folder));
      const netns = lab.container();
      const confDir = `${lab.folder}/conf`;
      Deno.mkdirSync(confDir);
      const tuning = { type: "tuning", sysctl: { "net.core.somaxconn": "500" } };
      const plugins = [{ type: "first" }, tuning, { type: "them" }];
      const list = { cniVersion: "1.1.0", name: "net9", plugins };
      Deno.writeTextFileSync(`${confDir}/9.conflist`, JSON.stringify(list));
      const somaxconn = () => netns.must("cat /proc/sys/net/core/somaxconn");
      const before = somaxconn();
      const child = lab.host.spawn(`${bin}/cleat`, {
        args: ["add", "net9", netns.path, "--cache-dir", `${lab.folder}/cache`],
        env: { NETCONFPATH: confDir, CNI_PATH: `${bin}:${scripts.folder}`, CLEAT_STATE_DIR: lab.state },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      });
      const output = child.output();
      const pids = (await written(scripts, "pids", child))?.trim().split(" ").map(Number);
      const during = somaxconn();
      if (pids !== undefined) child.kill(signal);
      const { code, stdout, stderr } = await output;
      const said = new TextDecoder().decode(stderr);
      assert.ok(pids !== undefined, said);
      assert.equal(during, "500\n");
      assert.deepEqual([code, new TextDecoder().decode(stdout)], [1, ""], said);
      assert.match(said, /interrupted/);
      assert.equal(scripts.read("verbs"), "ADD\nDEL\n");
      assert.deepEqual(pids.filter(runs), []);
      assert.equal(somaxconn(), before);
    },
  });
}
