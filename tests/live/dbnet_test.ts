/** The example network on a real kernel: by the library in this process, and by `cleat`. */
import assert from "node:assert/strict";
import { Cleat, CommandFailed, type NetworkList } from "../../mod.ts";
import type { Attachment } from "../../src/runtime/attach.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { dbnetText } from "../support/dbnet.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** dbnet as a gateway, with its leases in the lab, in this version and with both families. */
const dbnetIn = (lab: Lab, cniVersion = "1.0.0"): string => {
  const list = JSON.parse(dbnetText);
  const [bridge] = list.plugins;
  const { subnet: _, gateway: __, ...ipam } = bridge.ipam;
  const ranges = [[{ subnet: "10.1.0.0/16", gateway: "10.1.0.1" }], [{ subnet: "fd01::/64" }]];
  Object.assign(bridge, { isGateway: true, ipMasq: true, ipam: { ...ipam, ranges, dataDir: lab.leases } });
  return JSON.stringify({ ...list, cniVersion });
};

const wants = (lab: Lab, netns: Netns, containerId: string, port: number): Attachment => ({
  containerId,
  netns: netns.path,
  ifName: "eth0",
  cacheDir: `${lab.folder}/cache`,
  capabilityArgs: {
    mac: `02:00:00:00:${port.toString(16).padStart(4, "0").replace(/^(..)/, "$1:")}`,
    portMappings: [{ hostPort: port, containerPort: 80, protocol: "tcp" }],
  },
});

/** Runs `fn` with the library on the lab's host. */
const inProcess = (lab: Lab, fn: (cleat: Cleat, dbnet: NetworkList) => Promise<void>): Promise<void> =>
  lab.host.stay(async () => {
    await using cleat = new Cleat({ stateDir: lab.state });
    await fn(cleat, await cleat.parse(dbnetIn(lab), "dbnet"));
  });

const SOMAXCONN = "cat /proc/sys/net/core/somaxconn";

Deno.test({
  ...live(
    "the library attaches two containers, which reach each other and are reached, checks them, and leaves nothing",
  ),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const [one, two] = [lab.container(), lab.container()];
    await inProcess(lab, async (cleat, dbnet) => {
      const [first, second] = [wants(lab, one, "one", 8001), wants(lab, two, "two", 8002)];
      const result = await cleat.attach(dbnet, first);
      await cleat.attach(dbnet, second);
      assert.deepEqual(result.ips?.map(({ address }) => address), ["10.1.0.2/16", "fd01::2/64"]);
      assert.deepEqual(result.dns, { nameservers: ["10.1.0.1"] });
      assert.equal(result.interfaces?.[2]?.mac, "02:00:00:00:1f:41");
      assert.equal(one.must(SOMAXCONN), "500\n");
      {
        await using _one = serve(one, 80, "one ");
        assert.equal(await dial(two, "10.1.0.2", 80), "one 10.1.0.3");
        assert.equal(await dial(two, "fd01::2", 80), "one fd01::3");
        assert.equal(await dial(outside, "192.0.2.1", 8001), "one 192.0.2.2");
        assert.match(await dial(lab.host, "127.0.0.1", 8001), /^one /);
      }
      for (const attachment of [first, second]) await cleat.check(dbnet, attachment);
      one.must("ip address del 10.1.0.2/16 dev eth0");
      const drifted = await cleat.check(dbnet, first).then(() => null, (error) => error);
      assert.ok(drifted instanceof CommandFailed, String(drifted));
      assert.match(drifted.message, /10\.1\.0\.2\/16/);
      for (const attachment of [first, second, first]) await cleat.detach(dbnet, attachment);
    });
    await lab.isClean("cni0", "out0");
    assert.deepEqual(tree(`${lab.folder}/cache`), {}, "libcni's cache still has entries");
    assert.equal(one.must(SOMAXCONN), lab.container().must(SOMAXCONN));
  },
});

Deno.test({
  ...live("an ADD that is interrupted in the library leaves nothing"),
  async fn() {
    using lab = new Lab(bin);
    await inProcess(lab, async (cleat, dbnet) => {
      const attachment = wants(lab, lab.container(), "one", 8001);
      const abort = new AbortController();
      const attached = cleat.attach(dbnet, attachment, { signal: abort.signal });
      abort.abort();
      await assert.rejects(attached);
    });
    await lab.isClean(...lab.remains().links.filter((name) => name === "cni0"));
  },
});

for (const version of ["0.4.0", "1.0.0", "1.1.0"]) {
  Deno.test({
    ...live(`cleat add, check and del of dbnet in ${version}: prints the result, repeats del, leaves nothing`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, dbnetIn(lab, version));
      const CAP_ARGS = JSON.stringify(wants(lab, netns, "one", 8001).capabilityArgs);
      const run = (verb: string) =>
        lab.cleat([verb, "dbnet", netns.path, "--container-id", "one", "--cache-dir", `${lab.folder}/cache`], {
          CAP_ARGS,
        });
      const added = await run("add");
      assert.deepEqual([added.code, added.stderr], [0, ""], added.stdout);
      const { cniVersion, ips, interfaces } = JSON.parse(added.stdout);
      assert.equal(cniVersion, version);
      assert.equal(ips[0].address, "10.1.0.2/16");
      assert.equal(interfaces[2].sandbox, netns.path);
      const cached = Object.entries(tree(`${lab.folder}/cache`));
      assert.deepEqual(cached.map(([path]) => path), ["results/dbnet-one-eth0"]);
      assert.deepEqual(JSON.parse(cached[0]?.[1] ?? "").result, JSON.parse(added.stdout));
      assert.deepEqual(await run("check"), { code: 0, stdout: "", stderr: "" });
      for (const _ of [1, 2]) assert.deepEqual(await run("del"), { code: 0, stdout: "", stderr: "" });
      await lab.isClean("cni0");
      assert.deepEqual(tree(`${lab.folder}/cache`), {});
    },
  });
}

Deno.test({
  ...live("cleat add --json prints the very result that it caches"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, dbnetIn(lab));
    const run = (verb: string) =>
      lab.cleat([verb, "dbnet", netns.path, "--container-id", "one", "--cache-dir", `${lab.folder}/cache`, "--json"]);
    const added = await run("add");
    assert.deepEqual([added.code, added.stderr], [0, ""], added.stdout);
    const cached = tree(`${lab.folder}/cache`)["results/dbnet-one-eth0"] ?? "";
    assert.deepEqual(JSON.parse(added.stdout), JSON.parse(cached).result);
    assert.equal((await run("del")).code, 0);
    await lab.isClean("cni0");
  },
});

Deno.test({
  ...live("a failing plugin at the end of the chain takes the whole chain back"),
  async fn() {
    using lab = new Lab(bin);
    const [one, two] = [lab.container(), lab.container()];
    const before = two.must("ip -o link");
    await inProcess(lab, async (cleat, dbnet) => {
      await cleat.attach(dbnet, wants(lab, one, "one", 8001));
      const failed = await cleat.attach(dbnet, { ...wants(lab, two, "two", 8001) }).then(() => null, (error) => error);
      assert.ok(failed instanceof CommandFailed, String(failed));
      assert.match(failed.message, /8001.*dbnet\/one\/eth0/);
      assert.deepEqual(Object.values(leasesIn(lab.leases)), ["one\r\neth0", "one\r\neth0"]);
      assert.equal(two.must("ip -o link"), before);
      assert.equal(two.must(SOMAXCONN), lab.container().must(SOMAXCONN));
      await cleat.detach(dbnet, wants(lab, one, "one", 8001));
    });
    await lab.isClean("cni0");
  },
});

Deno.test({
  ...live("the state folder is CLEAT_STATE_DIR, and plugins and cleat share it"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, dbnetIn(lab));
    const CLEAT_STATE_DIR = `${lab.folder}/elsewhere`;
    const run = (verb: string) =>
      lab.cleat([verb, "dbnet", netns.path, "--container-id", "one", "--cache-dir", `${lab.folder}/cache`], {
        CLEAT_STATE_DIR,
      });
    assert.equal((await run("add")).code, 0);
    const streams = `${CLEAT_STATE_DIR}/streams/dbnet/one/eth0`;
    const slots = ["@chain", "bridge", "host-local", "portmap", "tuning"].map((slot) => `${slot}.jsonl`);
    assert.deepEqual(Object.keys(tree(streams)).sort(), slots);
    assert.equal(Deno.statSync(streams).mode ?? 0, 0o40700);
    assert.equal(Deno.statSync(`${streams}/bridge.jsonl`).mode ?? 0, 0o100600);
    assert.deepEqual(tree(lab.state), {});
    assert.equal((await run("del")).code, 0);
    await lab.isClean("cni0");
  },
});
