/** Many containers at once: all of them are attached, and what they leave behind together is nothing. */
import assert from "node:assert/strict";
import { Cleat, type NetworkList } from "../../mod.ts";
import type { Attachment } from "../../src/runtime/attach.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { snapshot } from "../support/snapshot.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** A container that wants a port of the host. */
interface Wanting {
  readonly netns: Netns;
  readonly attachment: Attachment;
}

/** `count` containers named `<prefix>0`, `<prefix>1`, …, with host ports from `port` on. */
const containers = (lab: Lab, stack: DisposableStack, prefix: string, count: number, port: number) =>
  Array.from({ length: count }, (_, i): Wanting => {
    const netns = stack.use(newNetns());
    return {
      netns,
      attachment: {
        containerId: `${prefix}${i}`,
        netns: netns.path,
        ifName: "eth0",
        cacheDir: `${lab.folder}/cache`,
        capabilityArgs: { portMappings: [{ hostPort: port + i, containerPort: 80, protocol: "tcp" }] },
      },
    };
  });

/** Runs something for each, `atOnce` at a time. */
async function forEach<A>(items: readonly A[], atOnce: number, run: (item: A) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const item of rest) await run(item);
  }));
}

/** Runs `fn` with the library on the lab's host, where the network has had a container before. */
const onNetwork = (lab: Lab, fn: (cleat: Cleat, dbnet: NetworkList) => Promise<void>): Promise<void> =>
  lab.host.stay(async () => {
    using stack = new DisposableStack();
    await using cleat = new Cleat({ stateDir: lab.state });
    const text = gatewayDbnet(lab, "1.0.0");
    Deno.writeTextFileSync(`${lab.folder}/dbnet.conflist`, text);
    const dbnet = await cleat.parse(text, "dbnet");
    for (const { attachment } of containers(lab, stack, "first", 1, 9000)) {
      await cleat.attach(dbnet, attachment);
      await cleat.detach(dbnet, attachment);
    }
    await fn(cleat, dbnet);
  });

/** The addresses in the pool. */
const addressesIn = (lab: Lab): readonly string[] => Object.keys(leasesIn(lab.leases));

Deno.test({
  ...live("[C4] 200 containers attached and detached 16 at a time leave host and containers exactly as they were"),
  async fn() {
    using lab = new Lab(bin);
    using stack = new DisposableStack();
    const all = containers(lab, stack, "c", 200, 10_000);
    await onNetwork(lab, async (cleat, dbnet) => {
      const before = snapshot(lab.host);
      const some = all.filter((_, i) => i % 40 === 0).map(({ netns }) => netns);
      const inside = some.map(snapshot);
      const addresses = new Set<string>();
      await forEach(all, 16, async ({ attachment }) => {
        const { ips = [] } = await cleat.attach(dbnet, attachment);
        addresses.add(ips.map(({ address }) => address).join());
      });
      assert.equal(addresses.size, 200, "two containers have one address");
      assert.equal(addressesIn(lab).length, 200);
      assert.equal(lab.remains().links.length, 201, "a veth for each, and the bridge");
      assert.equal(Object.keys(tree(`${lab.folder}/cache`)).length, 200);
      await forEach(all, 16, ({ attachment }) => cleat.detach(dbnet, attachment));
      assert.deepEqual(snapshot(lab.host), before);
      assert.deepEqual(some.map(snapshot), inside);
    });
    await lab.isClean("cni0");
    assert.deepEqual(tree(`${lab.folder}/cache`), {});
  },
});

/** What `cleat` did for a container: null, or what it said on stderr. */
const byCleat = async (lab: Lab, verb: string, { attachment }: Wanting): Promise<string | null> => {
  const { containerId, netns, cacheDir, capabilityArgs } = attachment;
  const args = [verb, "dbnet", netns, "--container-id", containerId, "--cache-dir", cacheDir ?? ""];
  const { code, stderr } = await lab.cleat(args, { CAP_ARGS: JSON.stringify(capabilityArgs) });
  return code === 0 ? null : stderr;
};

Deno.test({
  ...live("two runtimes on one state folder share a network: each container is attached once, and either detaches any"),
  async fn() {
    using lab = new Lab(bin);
    using stack = new DisposableStack();
    const mine = containers(lab, stack, "mine", 12, 10_000);
    const theirs = containers(lab, stack, "theirs", 12, 11_000);
    const both = containers(lab, stack, "both", 4, 12_000);
    await onNetwork(lab, async (cleat, dbnet) => {
      const before = snapshot(lab.host);
      const byUs = (verb: "attach" | "detach", { attachment }: Wanting) =>
        cleat[verb](dbnet, attachment).then(() => null, (error: Error) => error.message);
      const refusals: string[] = [];
      const note = (refusal: string | null) => void (refusal === null || refusals.push(refusal));
      await Promise.all([
        forEach([...both, ...mine], 4, async (each) => note(await byUs("attach", each))),
        forEach([...both, ...theirs], 4, async (each) => note(await byCleat(lab, "add", each))),
      ]);
      assert.equal(addressesIn(lab).length, mine.length + theirs.length + both.length);
      assert.equal(refusals.length, both.length, refusals.join("\n"));
      for (const refusal of refusals) {
        assert.match(refusal, /both\d.*already attached; run DEL first/);
      }
      const failures: string[] = [];
      const failed = (failure: string | null) => void (failure === null || failures.push(failure));
      await Promise.all([
        forEach([...both, ...theirs], 4, async (each) => failed(await byUs("detach", each))),
        forEach([...both, ...mine], 4, async (each) => failed(await byCleat(lab, "del", each))),
      ]);
      assert.deepEqual(failures, []);
      assert.deepEqual(snapshot(lab.host), before);
    });
    await lab.isClean("cni0");
    assert.deepEqual(tree(`${lab.folder}/cache`), {});
  },
});

/** The chain as a runtime that can only exec runs it; `prevResult` is what the plugin before has printed. */
async function byExecutables(lab: Lab, verb: "ADD" | "DEL", { attachment, netns }: Wanting): Promise<void> {
  const { plugins, name, cniVersion } = JSON.parse(gatewayDbnet(lab, "1.0.0"));
  let prevResult = {};
  for (const plugin of verb === "ADD" ? plugins : plugins.toReversed()) {
    const { capabilities: _, ...rest } = plugin;
    const config = { ...rest, name, cniVersion, runtimeConfig: attachment.capabilityArgs, ...prevResult };
    const result = await lab.ok(plugin.type, { verb, config, netns, id: attachment.containerId });
    prevResult = verb === "ADD" ? { prevResult: result } : {};
  }
}

Deno.test({
  ...live("[C4] 16 containers attached and detached 8 at a time by the plugin executables leave nothing"),
  async fn() {
    using lab = new Lab(bin);
    using stack = new DisposableStack();
    const [first, ...all] = containers(lab, stack, "c", 17, 10_000);
    assert.ok(first !== undefined);
    for (const verb of ["ADD", "DEL"] as const) await byExecutables(lab, verb, first);
    const before = snapshot(lab.host);
    await forEach(all, 8, (each) => byExecutables(lab, "ADD", each));
    assert.equal(addressesIn(lab).length, 16);
    assert.equal(lab.remains().links.length, 17);
    await forEach(all, 8, (each) => byExecutables(lab, "DEL", each));
    assert.deepEqual(snapshot(lab.host), before);
    await lab.isClean("cni0");
  },
});
