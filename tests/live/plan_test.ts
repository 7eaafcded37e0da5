/** `cleat plan` on a real kernel: it says what `cleat add` then does, and leaves no trace. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";

const bin = await builtBin();
const live = (name: string) =>
  unless(can.netns && can.bridge && can.veth && can.nft && can.ip, name, "no bridge, veth, nft or ip");

const write = (lab: Lab, ...plugins: readonly JsonObject[]): void =>
  Deno.writeTextFileSync(`${lab.folder}/net.conflist`, JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins }));

/** Without addresses that the kernel makes up: each of both makes its own. */
const comparable = (steps: readonly { readonly op: unknown; readonly undo: unknown }[]): readonly string[] =>
  steps.map(({ op, undo }) => JSON.stringify({ op, undo }).replaceAll(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, "MAC"))
    .sort();

interface Recorded {
  readonly stream: string;
  readonly event: { readonly type: string; readonly op: unknown; readonly undo: unknown };
}

Deno.test({
  ...live("a plan is what ADD then does, step by step, also beside other containers, and nothing is written"),
  async fn() {
    using lab = new Lab(bin);
    const cache = ["--cache-dir", `${lab.folder}/cache`];
    write(
      lab,
      { type: "bridge", isDefaultGateway: true, ipMasq: true, ipam: ipamIn(lab, "10.1.0.0/24", "fd01::/64") },
      { type: "tuning", sysctl: { "net.core.somaxconn": "500" }, mtu: 1400, dataDir: `${lab.folder}/tuning` },
      { type: "portmap", capabilities: { portMappings: true } },
    );
    for (const port of [8080, 8081]) {
      const netns = lab.container();
      const mappings = JSON.stringify({ portMappings: [{ hostPort: port, containerPort: 80, protocol: "tcp" }] });
      const env = { CAP_ARGS: mappings };
      const named = [...cache, "--container-id", `c${port}`];
      const before = [lab.remains(), tree(lab.folder), netns.must("ip -o link; ip -o address")];
      const planned = await lab.cleat(["plan", "net", "--netns", netns.path, ...named, "--json"], env);
      assert.equal(planned.code, 0, planned.stderr);
      assert.deepEqual([lab.remains(), tree(lab.folder), netns.must("ip -o link; ip -o address")], before);
      const { steps, result } = JSON.parse(planned.stdout);
      const added = await lab.cleat(["add", "net", netns.path, ...named], env);
      assert.equal(added.code, 0, added.stderr);
      const log: Recorded[] = JSON.parse((await lab.cleat(["log", "net", `c${port}`, "--json"])).stdout);
      const done = log.map(({ event }) => event).filter(({ type }) => type === "effect.intended");
      assert.deepEqual(comparable(steps), comparable(done), `port ${port}`);
      assert.deepEqual(result.ips, JSON.parse(added.stdout).ips);
    }
  },
});

Deno.test({
  ...live("a plan in words names each change and its undo, and ends with status 1 where ADD would fail"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    write(lab, { type: "bridge", ipam: ipamIn(lab, "10.1.0.0/24") }, { type: "theirs" });
    Deno.writeTextFileSync(`${lab.folder}/theirs`, `#!/bin/sh\ntouch ${lab.folder}/was-run\n`, { mode: 0o755 });
    const env = { CNI_PATH: `${bin}:${lab.folder}` };
    const { code, stdout } = await lab.cleat(["plan", "net", "--netns", netns.path], env);
    assert.equal(code, 0);
    assert.match(stdout, /^ +1 {2}@chain: run ADD of bridge\n {5}undo: run DEL of bridge\n/);
    assert.match(stdout, /bridge: create veth .*\n {5}undo: delete link/);
    assert.match(stdout, /not run: plugin "theirs", ".*\/theirs"/);
    assert.match(stdout, /\d+ steps; ADD would answer 10\.1\.0\.2\/24\n$/);
    netns.must("ip link add eth0 type bridge");
    const refused = await lab.cleat(["plan", "net", "--netns", netns.path], env);
    assert.deepEqual([refused.code, /\nthe plan ends here: .*"eth0"/.test(refused.stdout)], [1, true], refused.stdout);
    assert.equal((await lab.cleat(["plan", "net"])).code, 2);
    assert.deepEqual(lab.remains().links, []);
    assert.deepEqual(Object.keys(tree(lab.folder)).sort(), ["net.conflist", "theirs"]);
  },
});
