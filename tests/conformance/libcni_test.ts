/** Our executables under Go's libcni, the library of the container runtimes; and its cache, which both share. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { dbnetText } from "../support/dbnet.ts";
import { besideGo, goPlugins } from "../support/go_suite.ts";
import { Lab, tree } from "../support/lab.ts";
import { buildLibcni, missingForLibcni } from "../support/libcni.ts";
import type { Netns } from "../support/netns.ts";
import { execIn, succeeded } from "../support/plugin_exec.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const underGo = (name: string) =>
  unless(works && missingForLibcni === null, name, missingForLibcni ?? "no bridge or nft");

const CAP_ARGS = JSON.stringify({
  mac: "02:00:00:00:00:77",
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
});

/** dbnet as a gateway with its leases in the lab. */
const writeDbnet = (lab: Lab, cniVersion: string): string => {
  const list = JSON.parse(dbnetText);
  Object.assign(list.plugins[0], { isGateway: true, ipMasq: true });
  list.plugins[0].ipam.dataDir = lab.leases;
  Object.assign(list.plugins[1], { dataDir: `${lab.folder}/tuning` });
  const path = `${lab.folder}/dbnet.conflist`;
  Deno.writeTextFileSync(path, JSON.stringify({ ...list, cniVersion }));
  return path;
};

/** Runs a verb by Go's libcni. */
const libcni = (lab: Lab, program: string, verb: string, netns: Netns, CNI_PATH: string) =>
  execIn(
    lab.host,
    program,
    { CNI_PATH, CAP_ARGS, CLEAT_STATE_DIR: lab.state },
    "",
    [verb, `${lab.folder}/dbnet.conflist`, `${lab.folder}/cache`, "c1", netns.path, "eth0"],
  );

const cleat = (lab: Lab, verb: string, netns: Netns, CNI_PATH: string) =>
  lab.cleat([verb, "dbnet", netns.path, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`], {
    CAP_ARGS,
    CNI_PATH,
  });

/** The container answers on its port, has its MAC and its sysctl. */
async function isAttached(lab: Lab, netns: Netns): Promise<void> {
  await using _served = serve(netns, 80, "c1 ");
  assert.match(await dial(lab.host, "127.0.0.1", 8080), /^c1 /);
  assert.match(netns.must("ip link show eth0"), /02:00:00:00:00:77/);
  assert.equal(netns.must("cat /proc/sys/net/core/somaxconn"), "500\n");
}

for (const version of ["0.3.1", "0.4.0", "1.0.0"]) {
  Deno.test({
    ...underGo(
      `Go's libcni runs dbnet ${version} with CNI_PATH at our executables: add, check, del twice, nothing left`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const program = buildLibcni(lab.folder);
      writeDbnet(lab, version);
      const netns = lab.container();
      const result = succeeded(await libcni(lab, program, "ADD", netns, bin));
      assert.equal(result.cniVersion, version);
      await isAttached(lab, netns);
      if (version >= "0.4.0") succeeded(await libcni(lab, program, "CHECK", netns, bin));
      for (const _ of [1, 2]) succeeded(await libcni(lab, program, "DEL", netns, bin));
      await lab.isClean("cni0");
      assert.deepEqual(tree(`${lab.folder}/cache`), {});
    },
  });
}

Deno.test({
  ...underGo("cleat checks and deletes what Go's libcni attached, and the other way round, by libcni's cache"),
  async fn() {
    using lab = new Lab(bin);
    const program = buildLibcni(lab.folder);
    writeDbnet(lab, "1.0.0");
    const netns = lab.container();
    succeeded(await libcni(lab, program, "ADD", netns, bin));
    assert.equal((await cleat(lab, "check", netns, bin)).stderr, "");
    assert.deepEqual(await cleat(lab, "del", netns, bin), { code: 0, stdout: "", stderr: "" });
    await lab.isClean("cni0");
    assert.deepEqual(tree(`${lab.folder}/cache`), {});
    assert.equal((await cleat(lab, "add", netns, bin)).code, 0);
    succeeded(await libcni(lab, program, "CHECK", netns, bin));
    succeeded(await libcni(lab, program, "DEL", netns, bin));
    assert.deepEqual(tree(`${lab.folder}/cache`), {});
    assert.equal((await cleat(lab, "del", netns, bin)).code, 0);
    await lab.isClean("cni0");
  },
});

const MIXES = [["bridge", "portmap"], ["host-local"], ["host-local", "tuning"], ["tuning"]] as const;

for (const runtime of ["cleat", "Go's libcni"] as const) {
  Deno.test({
    ...(runtime === "cleat" ? besideGo : (name: string) => {
      const needed = besideGo(name);
      return needed.ignore ? needed : underGo(name);
    })(`${runtime} runs chains of both suites: add, check, del twice, nothing left`),
    async fn() {
      for (const mix of MIXES) {
        using lab = new Lab(bin);
        const program = runtime === "cleat" ? "" : buildLibcni(lab.folder);
        const path = `${goPlugins(`${lab.folder}/go`, ...mix)}:${bin}`;
        writeDbnet(lab, "1.0.0");
        const netns = lab.container();
        const run = (verb: "ADD" | "CHECK" | "DEL") =>
          runtime === "cleat" ? cleat(lab, verb.toLowerCase(), netns, path) : libcni(lab, program, verb, netns, path);
        for (const verb of ["ADD", "CHECK", "DEL", "DEL"] as const) {
          // Go's portmap 1.1 cannot check a container that has addresses of one family only.
          if (verb === "CHECK" && mix.some((name) => name === "portmap")) continue;
          const ran = await run(verb);
          assert.equal(ran.code, 0, `${verb} with Go's ${mix.join(" and ")}: ${ran.stderr}`);
          if (verb === "ADD") await isAttached(lab, netns);
        }
        assert.notEqual(netns.sh("ip link show eth0").code, 0);
        assert.doesNotMatch(lab.remains().firewall, /10\.1\.0\.2/);
        await lab.isClean("cni0");
        assert.deepEqual(tree(`${lab.folder}/tuning`), {});
        assert.deepEqual(tree(`${lab.folder}/cache`), {});
      }
    },
  });
}
