/** The first containers of a host, all at once: nobody is told to try again, and nothing is doubled or lost. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { besideGo, goBin } from "../support/go_suite.ts";
import { Lab, leasesIn } from "../support/lab.ts";
import { type Netns, newNetns, type Ran } from "../support/netns.ts";
import { failed, succeeded } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** What a runtime would do a second time: never the answer to the first verb of an attachment. */
const RETRY = /again|busy|raced|EBUSY|EEXIST|ERESTART/i;

const port = (at: number): JsonObject => ({
  portMappings: [{ hostPort: 10_000 + at, containerPort: 80, protocol: "tcp" }],
});

const addressesOf = (lab: Lab): readonly string[] => Object.keys(leasesIn(lab.leases));

/** The bridge is one, and each container has its veth and its host port. */
function isWhole(lab: Lab, count: number): void {
  const { links } = lab.remains();
  assert.deepEqual(links.filter((name) => !name.startsWith("veth")), ["cni0"]);
  assert.equal(links.length, count + 1);
  assert.equal(lab.host.must("ip -o link show master cni0").trim().split("\n").length, count, "ports of the bridge");
  const ports = lab.host.must("nft list map inet cleat hostports4").match(/tcp \. \d+/g) ?? [];
  assert.equal(new Set(ports).size, count, "host ports");
}

Deno.test({
  ...live("[C4] the first 500 containers of a host, attached at once through the library, need no second try"),
  async fn() {
    using lab = new Lab(bin);
    using stack = new DisposableStack();
    const all = Array.from({ length: 500 }, (_, at) => ({
      containerId: `c${at}`,
      netns: stack.use(newNetns()).path,
      ifName: "eth0",
      cacheDir: `${lab.folder}/cache`,
      capabilityArgs: port(at),
    }));
    const failures: string[] = [];
    const notices: string[] = [];
    await lab.host.stay(async () => {
      await using cleat = new Cleat({ stateDir: lab.state, onNotice: (sentence) => void notices.push(sentence) });
      const dbnet = await cleat.parse(gatewayDbnet(lab, "1.0.0"), "dbnet");
      const addresses = new Set<string>();
      await Promise.all(all.map((each) =>
        cleat.attach(dbnet, each).then(
          ({ ips = [] }) => void addresses.add(ips.map(({ address }) => address).join()),
          (error: Error) => void failures.push(error.message),
        )
      ));
      assert.deepEqual([failures.slice(0, 3), notices.slice(0, 3)], [[], []]);
      assert.equal(addresses.size, 500, "two containers have one address");
      assert.equal(addressesOf(lab).length, 500);
      isWhole(lab, 500);
      await Promise.all(all.map((each) => cleat.detach(dbnet, each)));
    });
    await lab.isClean("cni0");
  },
});

/** ADD of the whole chain by the executables, for a container of its own; answers what failed, or null. */
async function chainAdd(lab: Lab, netns: Netns, id: string, at: number): Promise<Ran | null> {
  const { plugins, name, cniVersion } = JSON.parse(gatewayDbnet(lab, "1.0.0"));
  let prevResult = {};
  for (const { capabilities: _, ...plugin } of plugins) {
    const config = { ...plugin, name, cniVersion, runtimeConfig: port(at), ...prevResult };
    const ran = await lab.call(plugin.type, { verb: "ADD", config, netns, id });
    if (ran.code !== 0) return ran;
    prevResult = { prevResult: succeeded(ran) };
  }
  return null;
}

Deno.test({
  ...live("[C4] the first 40 containers of a host, attached at once by 120 processes, need no second try"),
  async fn() {
    using lab = new Lab(bin);
    const all = Array.from({ length: 40 }, () => lab.container());
    const failures = await Promise.all(all.map((netns, at) => chainAdd(lab, netns, `c${at}`, at)));
    assert.deepEqual(failures.filter((ran) => ran !== null), []);
    assert.equal(addressesOf(lab).length, 40);
    isWhole(lab, 40);
    const bare = { name: "dbnet", cniVersion: "1.0.0" };
    await Promise.all(all.map(async (netns, at) => {
      for (const type of ["portmap", "tuning", "bridge"]) {
        await lab.ok(type, { verb: "DEL", config: { ...bare, type }, netns, id: `c${at}` });
      }
    }));
    await lab.isClean("cni0");
  },
});

Deno.test({
  ...live("[C7] two first ADDs of one attachment at once: one wins, the other is told that it is attached already"),
  async fn() {
    using lab = new Lab(bin);
    const config = {
      name: "twice",
      cniVersion: "1.0.0",
      type: "bridge",
      bridge: "br9",
      ipam: { type: "host-local", dataDir: lab.leases, ranges: [[{ subnet: "10.9.0.0/24" }]] },
    };
    const netns = lab.container();
    for (let round = 0; round < 6; round++) {
      const id = `c${round}`;
      const both = await Promise.all(
        [1, 2, 3].map(() => lab.call("bridge", { verb: "ADD", config, netns, id })),
      );
      const won = both.filter(({ code }) => code === 0);
      assert.equal(won.length, 1, JSON.stringify(both));
      for (const ran of both) {
        if (ran.code === 0) continue;
        const { code, msg } = failed(ran);
        assert.equal(code, 100);
        assert.match(msg, /already attached/);
        assert.doesNotMatch(ran.stderr, RETRY);
      }
      await lab.ok("bridge", {
        verb: "CHECK",
        config: { ...config, prevResult: JSON.parse(won[0]?.stdout ?? "") },
        netns,
        id,
      });
      await lab.ok("bridge", { verb: "DEL", config, netns, id });
    }
    await lab.isClean("br9");
  },
});

Deno.test({
  ...besideGo(
    "[C4] Go's host-local and ours, at once on one range until it is exhausted: no address twice, none lost",
  ),
  async fn() {
    using lab = new Lab(bin);
    // 10.8.0.2 to 10.8.0.30: the first is the gateway's, the last is for broadcast.
    const config = {
      name: "both",
      cniVersion: "1.0.0",
      ipam: { type: "host-local", dataDir: lab.leases, ranges: [[{ subnet: "10.8.0.0/27" }]] },
    };
    const programs = [lab.file("host-local"), `${goBin}/host-local`];
    const calls = Array.from({ length: 40 }, (_, at) => ({ program: programs[at % 2] ?? "", id: `c${at}` }));
    const netns = lab.container();
    const ran = await Promise.all(
      calls.map(({ program, id }) => lab.call(program, { verb: "ADD", config, netns, id })),
    );
    const given = ran.flatMap((each) => each.code === 0 ? [JSON.stringify(succeeded(each).ips)] : []);
    assert.equal(given.length, 29);
    assert.equal(new Set(given).size, 29, "an address was given twice");
    assert.equal(addressesOf(lab).length, 29);
    for (const { code, stdout, stderr } of ran) {
      if (code === 0) continue;
      assert.match(stdout + stderr, /no IP addresses available in range|all addresses of .* are taken/);
    }
    // Whoever gave an address, the other takes it back.
    await Promise.all(
      calls.map(({ id }, at) =>
        lab.ok(programs[(at + 1) % 2] ?? "", { verb: "DEL", config, id, env: { CNI_NETNS: "" } })
      ),
    );
    assert.deepEqual(addressesOf(lab), []);
  },
});
