/** Faults of the host itself: taken names, folders that cannot be written, disks that are full. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";
import type { Netns, Ran } from "../support/netns.ts";
import { execIn, failed } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const bridgeConfig = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net10",
  type: "bridge",
  bridge: "br10",
  isGateway: true,
  ipMasq: true,
  ipam: ipamIn(lab, "10.10.0.0/24"),
  ...settings,
});

Deno.test({
  ...live(
    "[C25] bridge: a taken interface name, a taken bridge name and a missing IPAM are told by name and leave nothing",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    netns.must("ip link add eth0 type bridge");
    lab.host.must("ip link add notbr type veth peer name other");
    const faults: readonly [JsonObject, number, RegExp][] = [
      [bridgeConfig(lab), 102, /"eth0" in the container.*"bridge"/],
      [bridgeConfig(lab, { bridge: "notbr" }), 7, /"notbr" as bridge.*"veth"/],
      [bridgeConfig(lab, { bridge: "lo" }), 7, /"lo" as bridge/],
      [bridgeConfig(lab, { ipam: { type: "../bridge" } }), 5, /"\.\.\/bridge".*slash/],
    ];
    for (const [config, code, says] of faults) {
      const error = await lab.refused("bridge", { verb: "ADD", config, netns });
      assert.match(error.msg, says);
      assert.equal(error.code, code, error.msg);
      await lab.isClean(...["br10", "notbr", "other"].filter((name) => lab.remains().links.includes(name)));
      if (config.bridge === "br10") netns.sh("ip link del eth0");
      await lab.ok("bridge", { verb: "DEL", config });
    }
  },
});

Deno.test({
  ...live("bridge: a DEL of an attachment that never was removes no link that is not a veth"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    netns.must("ip link add eth0 type bridge");
    await lab.ok("bridge", { verb: "DEL", config: bridgeConfig(lab), netns });
    netns.must("ip link show eth0");
    await lab.isClean();
  },
});

/** Runs a plugin where `prepare`, which may mount things, was run before. */
const callIn = (
  lab: Lab,
  prepare: string,
  plugin: string,
  verb: string,
  netns: Netns,
  config: JsonObject,
): Promise<Ran> =>
  execIn(
    lab.host,
    "/usr/bin/unshare",
    {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: netns.path,
      CNI_PATH: bin,
      CLEAT_STATE_DIR: lab.state,
    },
    JSON.stringify(config),
    ["--mount", "sh", "-c", `${prepare} && exec ${bin}/${plugin}`],
  );

const canMount = new Deno.Command("unshare", { args: ["--mount", "true"], stdout: "null", stderr: "null" })
  .outputSync().success;
const mounting = (name: string) => unless(works && canMount, name, "no bridge, veth, nft or mount namespaces");

const readOnly = (folder: string): string =>
  `mkdir -p ${folder} && mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`;

for (const what of ["state", "leases"] as const) {
  Deno.test({
    ...mounting(`bridge: a read-only ${what} folder refuses ADD, naming the folder, and leaves nothing`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const ran = await callIn(lab, readOnly(lab[what]), "bridge", "ADD", netns, bridgeConfig(lab));
      const { code, msg } = failed(ran);
      assert.equal(code, 5, msg);
      assert.match(msg, /[Rr]ead-only/);
      assert.match(msg, new RegExp(what === "state" ? "net10/c1/eth0|state" : "leases"));
      assert.deepEqual(lab.remains().links.filter((name) => name !== "br10"), []);
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      assert.deepEqual(tree(lab.leases), {});
      await lab.ok("bridge", { verb: "DEL", config: bridgeConfig(lab), netns });
      await lab.isClean(...lab.remains().links);
    },
  });
}

Deno.test({
  ...mounting("bridge: ADD into a state folder on a full disk is refused and leaves nothing"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const full = `mkdir -p ${lab.state} && mount -t tmpfs -o size=4k tmpfs ${lab.state} && ` +
      `head -c 4096 /dev/zero > ${lab.state}/filler`;
    const { code, msg } = failed(await callIn(lab, full, "bridge", "ADD", netns, bridgeConfig(lab)));
    assert.equal(code, 5, msg);
    assert.match(msg, /[Nn]o space/);
    await lab.isClean();
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
  },
});

Deno.test({
  ...mounting(
    "bridge: DEL with a read-only state folder removes everything all the same, and says what it could not write",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    await lab.ok("bridge", { verb: "ADD", config: bridgeConfig(lab), netns });
    const ran = await callIn(lab, readOnly(lab.state), "bridge", "DEL", netns, bridgeConfig(lab));
    assert.deepEqual([ran.code, ran.stdout], [0, ""], ran.stderr);
    assert.match(ran.stderr, /[Rr]ead-only/);
    assert.deepEqual(lab.remains().links, ["br10"]);
    assert.doesNotMatch(lab.remains().firewall, /elements = /);
    await lab.ok("bridge", { verb: "DEL", config: bridgeConfig(lab), netns });
    await lab.isClean("br10");
  },
});

Deno.test({
  ...live("a state folder that cannot be is told by name, and VERSION does not need one"),
  async fn() {
    using lab = new Lab(bin);
    const env = { CLEAT_STATE_DIR: "/dev/null/state" };
    const netns = lab.container();
    const error = await lab.refused("host-local", { verb: "ADD", config: bridgeConfig(lab), netns, env });
    assert.equal(error.code, 5);
    assert.deepEqual(leftIn(lab), {});
    await lab.ok("host-local", { verb: "VERSION", config: {}, env });
  },
});

const leftIn = (lab: Lab) =>
  Object.fromEntries(Object.entries(tree(lab.leases)).filter(([path]) => !/lock$/.test(path)));

Deno.test({
  ...live("a log that was edited refuses ADD with what to do, and DEL undoes it all the same and sets the file aside"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = bridgeConfig(lab);
    await lab.ok("bridge", { verb: "ADD", config, netns });
    const path = `${lab.state}/streams/net10/c1/eth0/bridge.jsonl`;
    const text = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(path, text.replace('"pid":', '"pid":1'));
    const error = await lab.refused("bridge", { verb: "ADD", config, netns });
    assert.match(`${error.msg}; ${error.details}`, /damaged at line 2.*run DEL/);
    await lab.ok("bridge", { verb: "DEL", config, netns });
    assert.deepEqual(lab.remains().links, ["br10"]);
    assert.ok([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].some(({ name }) => name.includes(".corrupt-")));
    await lab.ok("bridge", { verb: "ADD", config, netns });
    await lab.ok("bridge", { verb: "DEL", config, netns });
    assert.deepEqual(lab.remains().links, ["br10"]);
  },
});
