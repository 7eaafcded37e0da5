/** UDP clients that never stop: conntrack remembers where their first packet went, and must forget it in time. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { echo, flow } from "../support/flow.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const CLIENT = ["192.0.2.2", 4444] as const;
const SERVICE = ["192.0.2.1", 5353] as const;

const mapping = { portMappings: [{ hostPort: SERVICE[1], containerPort: 53, protocol: "udp" }] };

Deno.test({
  ...live("[UDP] a client that never stops reaches the next container under the same port with its next packet"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const ids = ["c1", "c2", "c3", "c4"];
    const containers = ids.map((id) => ({ id, netns: lab.container() }));
    const attachmentOf = ({ id, netns }: { readonly id: string; readonly netns: Netns }) => ({
      containerId: id,
      netns: netns.path,
      ifName: "eth0",
      cacheDir: `${lab.folder}/cache`,
      capabilityArgs: mapping,
    });
    await using client = await flow(outside, CLIENT, SERVICE);
    // It ends before the next ADD: an answer of the host's own that is still to come would begin a connection of its own.
    const isHost = async (when: string) => {
      await using _host = await echo(lab.host, SERVICE[1], "host");
      for (const _ of [1, 2, 3]) assert.equal(await client.who(), "host", when);
    };
    await isHost("before there is a mapping the entry leads to the host itself");
    await lab.host.stay(async () => {
      await using cleat = new Cleat({ stateDir: lab.state });
      const dbnet = await cleat.parse(gatewayDbnet(lab, "1.0.0"), "dbnet");
      for (const container of containers) {
        await cleat.attach(dbnet, attachmentOf(container));
        await using _served = await echo(container.netns, 53, container.id);
        for (const _ of [1, 2, 3]) assert.equal(await client.who(), container.id, "after ADD");
        await cleat.detach(dbnet, attachmentOf(container));
        await isHost("after DEL");
      }
    });
    await lab.isClean("cni0", "out0");
  },
});

Deno.test({
  ...live("[UDP] the port moves from one container to another while both run, and the client goes with it"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const { plugins, name, cniVersion } = JSON.parse(gatewayDbnet(lab, "1.0.0"));
    const [bridge, _, portmap] = plugins;
    const results = new Map<string, object>();
    const containers = new Map(["c1", "c2"].map((id) => [id, lab.container()]));
    for (const [id, netns] of containers) {
      const config = { ...bridge, name, cniVersion };
      results.set(id, await lab.ok("bridge", { verb: "ADD", config, netns, id }));
    }
    const map = async (verb: "ADD" | "DEL", id: string) => {
      const config = { ...portmap, name, cniVersion, runtimeConfig: mapping, prevResult: results.get(id) };
      await lab.ok("portmap", { verb, config, netns: containers.get(id), id });
    };
    const [one, two] = [...containers.values()];
    assert.ok(one !== undefined && two !== undefined);
    await using _one = await echo(one, 53, "c1");
    await using _two = await echo(two, 53, "c2");
    await map("ADD", "c1");
    await using client = await flow(outside, CLIENT, SERVICE);
    assert.equal(await client.who(), "c1");
    for (const [from, to] of [["c1", "c2"], ["c2", "c1"], ["c1", "c2"]] as const) {
      await map("DEL", from);
      assert.equal(await client.who(), "nobody", `${from} has lost the port`);
      await map("ADD", to);
      assert.equal(await client.who(), to);
    }
    await map("DEL", "c2");
    for (const id of containers.keys()) {
      await lab.ok("bridge", { verb: "DEL", config: { ...bridge, name, cniVersion }, id });
    }
    await lab.isClean("cni0", "out0");
  },
});
