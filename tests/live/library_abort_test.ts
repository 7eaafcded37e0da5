/** The library's promises and their signals, with executables of other people's plugins. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import { can, unless } from "../support/capabilities.ts";
import { tree } from "../support/lab.ts";
import { newNetns } from "../support/netns.ts";

/** Writes down its verb; on ADD it says that it has begun, and never ends. */
const script = (folder: string): string =>
  `#!/bin/sh
echo "$CNI_COMMAND" >>${folder}/runs
[ "$CNI_COMMAND" = ADD ] || exit 0
echo begun >${folder}/fifo
exec sleep 1000
`;

Deno.test({
  ...unless(
    can.netns,
    "[J60, C31] an attach that is aborted while a plugin hangs rejects with the reason, after its DEL",
    "no netns",
  ),
  async fn() {
    using netns = newNetns();
    const folder = Deno.makeTempDirSync();
    Deno.writeTextFileSync(`${folder}/slow`, script(folder), { mode: 0o755 });
    await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
    {
      await using cleat = new Cleat({ stateDir: `${folder}/state` });
      const list = await cleat.parse('{"cniVersion":"1.1.0","name":"lab","plugins":[{"type":"slow"}]}');
      const cacheDir = `${folder}/cache`;
      const blue = { containerId: "blue", netns: netns.path, ifName: "eth0", cniPath: folder, cacheDir };
      const abort = new AbortController();
      const attached = cleat.attach(list, blue, { signal: abort.signal });
      assert.equal(await Deno.readTextFile(`${folder}/fifo`), "begun\n");
      abort.abort("the pod is gone");
      await assert.rejects(attached, (reason) => reason === "the pod is gone");
      assert.equal(Deno.readTextFileSync(`${folder}/runs`), "ADD\nDEL\n");
      assert.deepEqual(tree(cacheDir), {});
      await cleat.detach(list, blue);
    }
    Deno.removeSync(folder, { recursive: true });
  },
});
