/** The state of real attachments: for its owner alone, inside its folder, and not believed where it was edited. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import { emptyTail, encodeEvents } from "../../src/effects/log/format.ts";
import type { AttachmentEvent, Recorded } from "../../src/machines/event.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { Lab, tree } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { execIn } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const configIn = (lab: Lab): JsonObject => ({
  name: "net6",
  cniVersion: "1.0.0",
  type: "bridge",
  bridge: "br6",
  ipam: { type: "host-local", dataDir: lab.leases, ranges: [[{ subnet: "10.6.0.0/24" }]] },
});

/** Every folder is 0700, every file 0600. */
function isPrivate(folder: string): number {
  let count = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    assert.equal(((Deno.statSync(path).mode ?? 0) & 0o7777).toString(8), isDirectory ? "700" : "600", path);
    count += 1 + (isDirectory ? isPrivate(path) : 0);
  }
  return count;
}

Deno.test({
  ...live("state and cache are their owner's alone, whatever the umask of the plugin, of cleat, or of the library"),
  async fn() {
    for (const umask of ["0000", "0777"]) {
      using lab = new Lab(bin);
      const [one, two, three] = [lab.container(), lab.container(), lab.container()];
      Deno.mkdirSync(lab.leases);
      Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, gatewayDbnet(lab, "1.0.0"));
      const under = (file: string, env: Record<string, string>, stdin: string, ...args: readonly string[]) =>
        execIn(lab.host, "/bin/sh", { CNI_PATH: lab.path, CLEAT_STATE_DIR: lab.state, ...env }, stdin, [
          "-c",
          `umask ${umask}; exec "$0" "$@"`,
          file,
          ...args,
        ]);
      const plugin = (verb: string, netns: Netns) => ({
        CNI_COMMAND: verb,
        CNI_CONTAINERID: "c1",
        CNI_IFNAME: "eth0",
        CNI_NETNS: netns.path,
      });
      const config = JSON.stringify(configIn(lab));
      const added = await under(lab.file("bridge"), plugin("ADD", one), config);
      assert.equal(added.code, 0, added.stdout);
      const cache = `${lab.folder}/cache`;
      const args = ["dbnet", two.path, "--container-id", "c2", "--cache-dir", cache];
      const more = await under(lab.file("cleat"), { NETCONFPATH: lab.folder }, "", "add", ...args);
      assert.equal(more.code, 0, more.stderr);
      await lab.host.stay(async () => {
        await using cleat = new Cleat({ stateDir: lab.state });
        const dbnet = await cleat.parse(gatewayDbnet(lab, "1.0.0"), "dbnet");
        const before = Deno.umask(Number.parseInt(umask, 8));
        try {
          await cleat.attach(dbnet, { containerId: "c3", netns: three.path, ifName: "eth0", cacheDir: cache });
        } finally {
          Deno.umask(before);
        }
      });
      assert.ok(isPrivate(lab.state) > 20);
      assert.equal(isPrivate(cache), 3, "the folder and two results");
    }
  },
});

const CROOKED = ["..", ".", "../../etc", "a/b", "/etc/x", "a\0b", "a\nb", " ", "-x", "ü"];

Deno.test({
  ...live("no name leads out of the state folder, at any door and for any verb"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab);
    Deno.writeTextFileSync(`${lab.folder}/net6.conf`, JSON.stringify(config));
    const before = tree(lab.folder);
    for (const name of CROOKED) {
      for (const verb of ["ADD", "DEL", "CHECK"] as const) {
        const prevResult = { cniVersion: "1.0.0", interfaces: [], ips: [] };
        const call = { verb, config: { ...config, prevResult }, netns } as const;
        // What holds a NUL cannot even be put into an environment.
        if (!name.includes("\0")) {
          await lab.refused("bridge", { ...call, id: name });
          if (name !== "-x" && name !== "ü") await lab.refused("bridge", { ...call, ifName: name });
        }
        await lab.refused("bridge", { ...call, config: { ...call.config, name } });
      }
      if (name.includes("\0")) continue;
      for (const verb of ["add", "del", "check"]) {
        const { code } = await lab.cleat([verb, "net6", netns.path, `--container-id=${name}`]);
        assert.equal(code, 1, `${verb} ${name}`);
      }
      for (const verb of ["log", "replay", "verify"]) {
        const { stdout } = await lab.cleat([verb, `net6/${name}/eth0`]);
        assert.doesNotMatch(stdout, /\/etc|root:/);
      }
    }
    await lab.host.stay(async () => {
      await using cleat = new Cleat({ stateDir: lab.state });
      const list = await cleat.parse(JSON.stringify({ ...config, plugins: [config] }), "net6");
      for (const containerId of CROOKED) {
        const attachment = { containerId, netns: netns.path, ifName: "eth0", cacheDir: `${lab.folder}/cache` };
        await assert.rejects(cleat.attach(list, attachment), JSON.stringify(containerId));
        await assert.rejects(cleat.detach(list, attachment), JSON.stringify(containerId));
      }
    });
    assert.deepEqual(tree(lab.folder), before, "nothing was written anywhere");
  },
});

/** Replaces a stream by one with other events, and hashes that fit them. */
async function edit(
  lab: Lab,
  slot: string,
  change: (events: readonly AttachmentEvent[]) => readonly AttachmentEvent[],
) {
  const id = { network: "net6", containerId: "c1", ifName: "eth0", slot };
  const path = `${lab.state}/streams/net6/c1/eth0/${slot}.jsonl`;
  const records: readonly Recorded[] = Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
  const [first] = records;
  assert.ok(first !== undefined);
  const origin = { boot: first.boot, pid: first.pid, by: first.by, now: () => first.at };
  const { bytes } = await encodeEvents(emptyTail(id), change(records.map(({ event }) => event)), origin);
  Deno.writeFileSync(path, bytes);
}

Deno.test({
  ...live(
    "a log that was edited with its hashes made anew is named by verify, and deletes nothing that is not its own",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    lab.outside();
    lab.host.must("ip link add victim type veth peer name victims");
    const config = configIn(lab);
    await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.equal((await lab.cleat(["verify"])).code, 0);

    await edit(
      lab,
      "bridge",
      (events) =>
        events.map((event) =>
          event.type === "effect.intended" && event.undo?.op === "link.delete"
            ? { ...event, undo: { ...event.undo, name: "victim" } }
            : event
        ),
    );
    const verdict = await lab.cleat(["verify"]);
    assert.equal(verdict.code, 1);
    assert.match(verdict.stdout, /net6\/c1\/eth0\/bridge: record \d+ was edited: "link\.delete" is not what takes/);
    const { msg, details = "" } = await lab.refused("bridge", { verb: "DEL", config, netns });
    assert.match(`${msg}; ${details}`, /its undo "link\.delete" does not belong to "link\.create"/);
    lab.host.must("ip link show victim");

    // Op and undo agree, and are both made up: the kernel shows that it is no such link.
    lab.host.must("ip link add dummy6 type bridge");
    const forged = (event: AttachmentEvent): AttachmentEvent =>
      event.type !== "effect.intended" || event.op.op !== "link.create" || event.undo === null ? event : {
        ...event,
        op: { ...event.op, name: "dummy6" },
        undo: { op: "link.delete", on: "host", name: "dummy6" },
      };
    const isOfDel = ({ type }: AttachmentEvent) => /^(DEL$|del\.|undo\.)/.test(type);
    await edit(lab, "bridge", (events) => events.filter((event) => !isOfDel(event)).map(forged));
    const again = await lab.refused("bridge", { verb: "DEL", config, netns });
    assert.match(again.msg, /"dummy6" is not the veth that was made/);
    lab.host.must("ip link show dummy6; ip link show victim");
  },
});

Deno.test({
  ...live(
    "what others have put into a log is data: log, replay and verify print no control character and no extra line",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    await lab.ok("bridge", { verb: "ADD", config: configIn(lab), netns });
    const evil =
      "\u001b[2J\u001b]0;owned\u0007\n2026-01-01T00:00:00.000Z  net6/c9/eth0/bridge  DEL succeeded\u202e\u009b31m";
    await edit(lab, "bridge", (events) => [
      ...events,
      { type: "CHECK" },
      { type: "check.drifted", findings: [`link "eth0": alias ${evil}`] },
      { type: "DEL" },
      { type: "del.failed", error: { code: 5, msg: evil, details: evil } },
    ]);
    for (const args of [["log"], ["log", "net6", "c1"], ["replay", "net6/c1/eth0/bridge"], ["verify"]]) {
      const { stdout, stderr } = await lab.cleat(args);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/, args.join(" "));
      assert.doesNotMatch(stdout, /^2026-01-01.*net6\/c9/m, args.join(" "));
    }
    assert.match((await lab.cleat(["log"])).stdout, /alias \\u\{1b\}\[2J/);
  },
});
