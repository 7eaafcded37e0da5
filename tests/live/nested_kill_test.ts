/** SIGKILL at many moments of the one process that runs a chain. */
import assert from "node:assert/strict";
import { deriveRequestConfig } from "../../src/spec/derive_request.ts";
import type { NetworkList } from "../../src/spec/network_list.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { killAfter } from "../support/kill.ts";
import { Lab } from "../support/lab.ts";
import { CAPABILITIES, isUntouched, netIn, run } from "../support/nested_lab.ts";
import type { Netns } from "../support/netns.ts";
import { nestedOf } from "../support/one_by_one.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** A process of cleat's ADD, started and not awaited. */
async function startAdd(lab: Lab, list: NetworkList, netns: Netns): Promise<Deno.ChildProcess> {
  const [plugin] = list.plugins;
  assert.ok(plugin !== undefined);
  const config = deriveRequestConfig(list, plugin, { command: "ADD", capabilityArgs: CAPABILITIES });
  const child = lab.host.spawn(lab.file("cleat"), {
    clearEnv: true,
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: netns.path,
      CNI_PATH: lab.path,
      CLEAT_STATE_DIR: lab.state,
    },
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  });
  await new Blob([JSON.stringify(config)]).stream().pipeTo(child.stdin).catch(() => {});
  return child;
}

Deno.test({
  ...live("cleat is killed at 12 moments of ADD: DEL by cleat, or by its plugins, leaves nothing"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const [nested, apart] = [nestedOf(netIn(lab)), netIn(lab)];
    const seen = new Set<number>();
    let killed = 0;
    for (let round = 0; round < 12; round++) {
      const end = await killAfter(await startAdd(lab, nested, netns), lab.state, Math.floor((round / 12) ** 1.3 * 66));
      if (end.killed) killed++;
      seen.add(end.lines);
      if (round % 2 === 0) {
        await run(lab, nested, "DEL", netns, { bare: round % 4 === 0 });
      } else {
        await run(lab, apart, "DEL", netns);
        const states = Object.entries(await lab.states()).filter(([name]) => !name.endsWith("/cleat"));
        for (const [name, state] of states) assert.match(state, /^(detached|failed, undone)$/, name);
        assert.equal(netns.must("ip -o link").split("\n").length, 2);
        await run(lab, nested, "DEL", netns); // its own stream is over only now
      }
      await isUntouched(lab, netns);
    }
    assert.ok(killed >= 6, `only ${killed} of 12 were killed in time`);
    assert.ok(seen.size >= 4, `all were killed at the same moments: ${[...seen]}`);
  },
});
