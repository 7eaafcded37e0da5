/** What Go's plugins have attached is checked, deleted and collected by ours, after the executables were swapped. */
import assert from "node:assert/strict";
import { attachWithGo, remainsIn, runAll } from "../support/adopted.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";
import { Cell, GOS, needing, silently } from "../support/matrix.ts";
import { command, libcni } from "../support/runtimes.ts";
import { snapshot } from "../support/snapshot.ts";

const bin = await builtBin();

for (const without of ["nothing", "netns", "prevResult"] as const) {
  eachSuite({
    ...besideGo(
      `DEL of ours, told everything but ${without}, leaves of Go's attachment nothing, and another's as it was`,
    ),
    async fn(go) {
      using lab = new Lab(bin);
      await attachWithGo(lab, go, "keep", 8000);
      // The shared chains and the rest that stays are there now.
      const before = remainsIn(lab);
      const one = await attachWithGo(lab, go, "c1", 8080, { macspoofchk: true });
      const present = JSON.stringify(remainsIn(lab));
      for (const mark of [/CNI-DN-/, /-j MASQUERADE/, /macspoofchk-c1-eth0/, /c1_eth0.json/]) {
        assert.match(present, mark);
      }
      if (without !== "netns") await runAll(lab, bin, "CHECK", one);
      await runAll(lab, bin, "DEL", one, without);
      assert.deepEqual(remainsIn(lab), before);
      await runAll(lab, bin, "DEL", one, without);
      assert.deepEqual(remainsIn(lab), before, "a second DEL");
    },
  });
}

eachSuite({
  ...besideGo("of two interfaces on one network, which share Go's masquerade chain, DEL of ours leaves the other's"),
  async fn(go) {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ipam = { type: "host-local", dataDir: lab.leases, subnet: "10.44.0.0/24" };
    const config = { cniVersion: go.newest, name: "swap", type: "bridge", bridge: "cni0", ipMasq: true, ipam };
    const jumps = () => lab.host.must("iptables-save -t nat").match(/POSTROUTING -s [0-9.]+/g) ?? [];
    for (const ifName of ["eth0", "net1"]) {
      await lab.ok(`${go.bin}/bridge`, { verb: "ADD", config, netns, ifName, env: { CNI_PATH: go.bin } });
    }
    assert.deepEqual(jumps(), ["POSTROUTING -s 10.44.0.2", "POSTROUTING -s 10.44.0.3"]);
    await lab.ok("bridge", { verb: "DEL", config, netns });
    assert.deepEqual(jumps(), ["POSTROUTING -s 10.44.0.3"]);
    assert.match(lab.host.must("iptables-save -t nat"), /-j MASQUERADE/);
    await lab.ok("bridge", { verb: "DEL", config, netns, ifName: "net1" });
    assert.doesNotMatch(lab.host.must("iptables-save -t nat"), /CNI-/);
  },
});

eachSuite({
  ...besideGo("DEL of ours puts the container's link back before it goes, and needs neither living namespace nor link"),
  async fn(go) {
    using lab = new Lab(bin);
    await attachWithGo(lab, go, "keep", 8000);
    const before = remainsIn(lab);
    const one = await attachWithGo(lab, go, "c1", 8080);
    one.netns.must("ip link show eth0 | grep 'mtu 1400'");
    const [bridge, tuning] = one.configs;
    assert.ok(bridge !== undefined && tuning !== undefined);
    await lab.ok(`${bin}/tuning`, { verb: "DEL", config: tuning, netns: one.netns });
    one.netns.must("ip link show eth0 | grep 'mtu 1500'");
    one.netns.must("ip link delete eth0");
    await runAll(lab, bin, "DEL", one);
    assert.deepEqual(remainsIn(lab), before);
    const two = await attachWithGo(lab, go, "c2", 8081);
    const path = two.netns.path;
    two.netns[Symbol.dispose]();
    await runAll(lab, bin, "DEL", { ...two, netns: { ...two.netns, path } });
    assert.deepEqual(remainsIn(lab), before);
  },
});

eachSuite({
  ...besideGo(
    "GC of ours collects what Go's plugins left of dead containers, and leaves the living and other networks",
  ),
  async fn(go) {
    using lab = new Lab(bin);
    const keep = await attachWithGo(lab, go, "keep", 8000);
    const other = { cniVersion: go.newest, name: "other", type: "bridge", bridge: "cni0", ipMasq: true };
    const ipam = { type: "host-local", dataDir: lab.leases, subnet: "10.45.0.0/24" };
    const env = { CNI_PATH: go.bin };
    await lab.ok(`${go.bin}/bridge`, {
      verb: "ADD",
      config: { ...other, ipam },
      netns: lab.container(),
      id: "elsewhere",
      env,
    });
    const before = remainsIn(lab);
    const dead = await attachWithGo(lab, go, "c1", 8080);
    dead.netns.must("ip link delete eth0"); // its namespace died
    const valid = { "cni.dev/valid-attachments": [{ containerID: "keep", ifname: "eth0" }] };
    for (const { prevResult: _, ...config } of dead.configs) {
      const collected = { ...config, cniVersion: "1.1.0", ...valid };
      await lab.ok(`${bin}/${config.type}`, { verb: "GC", config: collected, env: { CNI_PATH: bin } });
    }
    const { backups, ...left } = remainsIn(lab);
    const { backups: _, ...expected } = before;
    assert.deepEqual(left, expected);
    assert.deepEqual(backups, ["c1_eth0.json", "keep_eth0.json"], "a backup does not tell its network");
    await runAll(lab, bin, "CHECK", keep);
  },
});

for (const verb of ["DEL", "GC"] as const) {
  Deno.test({
    ...needing(
      `cleat checks what Go's libcni attached with Go's plugins by its cache, and ${verb} leaves nothing`,
      GOS,
      libcni,
    ),
    async fn() {
      using lab = new Lab(bin);
      const cell = new Cell(lab, GOS, "1.0.0");
      const netns = lab.container();
      const untouched = snapshot(netns);
      const order = cell.order("c1", netns);
      const swapped = { ...order, path: bin };
      await libcni.use(lab, async (run) => cell.isAttached(await run("ADD", order), netns));
      await command.use(lab, async (run) => {
        await silently(run, "CHECK", swapped);
        await silently(run, verb, swapped);
      });
      await cell.isGone(netns, untouched);
      assert.doesNotMatch(JSON.stringify(remainsIn(lab).iptables), /CNI-DN|CNI-[0-9a-f]{24}/);
    },
  });
}
