/** A sample of the crash matrix, and whether its page tells of the steps that there are. */
import assert from "node:assert/strict";
import { can, unless } from "../support/capabilities.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;

Deno.test({
  ...unless(
    works,
    "a sample of the crash matrix leaves nothing, and docs/crash-matrix.md has a row for every step",
    "no bridge, veth, nft or ip",
  ),
  async fn() {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${root}tasks/crash_matrix.ts`, "--sample"],
      cwd: root,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    const said = decoder.decode(stdout);
    assert.match(said, /^(?!0)\d+ deaths, (?!0)\d+ of \d+ random kills in time, (?!0)\d+ full disks$/m);
    assert.match(said, /^residue 0$/m);
  },
});
