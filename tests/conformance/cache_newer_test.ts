/** The result cache between Cleat and Go's newer libcni, which has a getter of attachments and GC. */
import assert from "node:assert/strict";
import { attach, cachedAttachments, detach } from "../../mod.ts";
import { CHILD, Stage, withGo } from "../support/cache_stage.ts";
import { newerLibcni } from "../support/libcni.ts";

Deno.test({
  ...withGo(
    "[H10, H11, H12] of what Go's newer libcni and Cleat have cached, libcni's getter of attachments and ours tell the same",
    newerLibcni,
  ),
  async fn() {
    for (const who of ["libcni", "cleat"]) {
      using stage = new Stage("1.1.0", newerLibcni);
      const list = await stage.list();
      if (who === "libcni") await stage.libcni("ADD");
      else await stage.run(attach(list, stage.attachment));
      const [theirs, ...others] = JSON.parse(await stage.libcni("ATTACHMENTS"));
      assert.deepEqual(others, []);
      const found = await stage.run(cachedAttachments(stage.cacheDir, CHILD));
      assert.equal(found.length, 1);
      const [ours] = found;
      assert.deepEqual(ours?.key, {
        network: theirs.Network,
        containerId: theirs.ContainerID,
        ifName: theirs.IfName,
      });
      assert.deepEqual([ours?.netns, ours?.args, ours?.capabilityArgs], [
        theirs.NetNS,
        theirs.CniArgs,
        theirs.CapabilityArgs,
      ]);
      assert.equal(theirs.NetNS, stage.netns.path);
      assert.deepEqual(JSON.parse(atob(theirs.Config)), ours?.config);
      if (who === "libcni") await stage.run(detach(list, stage.attachment));
      else await stage.libcni("GC");
      stage.isGone();
      assert.deepEqual(JSON.parse(await stage.libcni("ATTACHMENTS")), []);
    }
  },
});

for (const version of ["0.4.0", "1.1.0"]) {
  Deno.test({
    ...withGo(
      `[C58, C59, C60] of a ${version} network Cleat's entry is that of Go's newer libcni, member by member`,
      newerLibcni,
    ),
    async fn() {
      using stage = new Stage(version, newerLibcni);
      await stage.libcni("ADD");
      const theirs = stage.readEntry();
      await stage.libcni("DEL");
      await stage.run(attach(await stage.list(), stage.attachment));
      assert.deepEqual(stage.readEntry(), theirs);
      await stage.libcni("CHECK");
      await stage.libcni("DEL");
      stage.isGone();
    },
  });
}
