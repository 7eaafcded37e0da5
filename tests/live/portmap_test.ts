/** The portmap executable behind a bridge, with real connections. Numbers are those of scenarios/portmap.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";
import { answer, ask } from "../support/udp.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

/** A lab with a bridge, and containers on it. */
class Ports extends Lab {
  readonly #version: string;
  constructor(version = "1.0.0") {
    super(bin);
    this.#version = version;
  }

  bridgeConfig(): JsonObject {
    return {
      cniVersion: this.#version,
      name: "net7",
      type: "bridge",
      bridge: "br7",
      isDefaultGateway: true,
      ipam: ipamIn(this, "10.7.0.0/24", "fd07::/64"),
    };
  }

  portmapConfig(prevResult: JsonObject, ...portMappings: readonly JsonObject[]): JsonObject {
    return {
      cniVersion: this.#version,
      name: "net7",
      type: "portmap",
      prevResult,
      runtimeConfig: { portMappings },
    };
  }

  /** Attaches a container; its first address ends in 2, the next in 3 and so on. */
  async bridged(id: string): Promise<{ readonly netns: Netns; readonly result: JsonObject }> {
    const netns = this.container();
    return { netns, result: await this.ok("bridge", { verb: "ADD", config: this.bridgeConfig(), netns, id }) };
  }

  async detach(...ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.ok("portmap", { verb: "DEL", config: this.portmapConfig({}), id });
      await this.ok("bridge", { verb: "DEL", config: this.bridgeConfig(), id });
    }
  }
}

for (const version of VERSIONS) {
  Deno.test({
    ...live(
      `[PM19, PM22, PM23] portmap ${version}: the result passes through, CHECK agrees, a flushed port is found, DEL twice`,
    ),
    async fn() {
      using lab = new Ports(version);
      const { netns, result } = await lab.bridged("c1");
      const config = lab.portmapConfig(result, web, { ...web, hostPort: 5353, protocol: "UDP" });
      const passed = await lab.ok("portmap", { verb: "ADD", config, netns });
      assert.deepEqual(passed, result);
      const checked = { verb: "CHECK", config, netns } as const;
      if (version < "0.4.0") assert.equal((await lab.refused("portmap", checked)).code, 1);
      else {
        await lab.ok("portmap", checked);
        lab.host.must("nft flush map inet cleat hostports4");
        assert.match((await lab.refused("portmap", checked)).msg, /8080|5353/);
      }
      for (const _ of [1, 2]) await lab.ok("portmap", { verb: "DEL", config: lab.portmapConfig({}), netns });
      await lab.detach("c1");
      await lab.isClean("br7");
    },
  });
}

Deno.test({
  ...live(
    "[PM26] portmap: TCP reaches the container from outside, from the host's addresses, 127.0.0.1, itself and a sibling",
  ),
  async fn() {
    using lab = new Ports();
    const outside = lab.outside();
    const { netns, result } = await lab.bridged("c1");
    const sibling = (await lab.bridged("c2")).netns;
    for (const netfilter of ["0", "1"]) {
      lab.host.must(`for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do echo ${netfilter} > $f; done`);
      await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(result, web), netns });
      {
        await using _served = serve(netns, 80, "c1 saw ");
        assert.equal(await dial(outside, "192.0.2.1", 8080), "c1 saw 192.0.2.2");
        assert.equal(await dial(outside, "2001:db8::1", 8080), "c1 saw 2001:db8::2");
        for (const [from, to] of [[lab.host, "127.0.0.1"], [lab.host, "192.0.2.1"], [lab.host, "10.7.0.1"]] as const) {
          assert.match(await dial(from, to, 8080), /^c1 saw (10\.7\.0\.1|192\.0\.2\.1)$/);
        }
        assert.match(await dial(lab.host, "2001:db8::1", 8080), /^c1 saw /);
        assert.match(await dial(sibling, "192.0.2.1", 8080), /^c1 saw /);
        assert.match(await dial(sibling, "2001:db8::1", 8080), /^c1 saw /);
        if (netfilter === "0") assert.match(await dial(netns, "192.0.2.1", 8080), /^c1 saw /);
      }
      await lab.ok("portmap", { verb: "DEL", config: lab.portmapConfig({}), netns });
      await assert.rejects(dial(lab.host, "192.0.2.1", 8080), /refused/i);
    }
    await lab.detach("c1", "c2");
    await lab.isClean("br7", "out0");
  },
});

Deno.test({
  ...live("portmap: hostIP limits a port to one address; another container may have it on the others"),
  async fn() {
    using lab = new Ports();
    lab.outside();
    const [one, two] = [await lab.bridged("c1"), await lab.bridged("c2")];
    const only = { ...web, hostIP: "192.0.2.1" };
    await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(one.result, only), netns: one.netns });
    await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(two.result, web), netns: two.netns, id: "c2" });
    {
      await using _one = serve(one.netns, 80, "one ");
      await using _two = serve(two.netns, 80, "two ");
      assert.match(await dial(lab.host, "192.0.2.1", 8080), /^one /);
      assert.match(await dial(lab.host, "10.7.0.1", 8080), /^two /);
    }
    await lab.detach("c1", "c2");
    await lab.isClean("br7", "out0");
  },
});

Deno.test({
  ...live("portmap: a taken host port is refused, naming its holder, and leaves nothing of the second container"),
  async fn() {
    using lab = new Ports();
    const [one, two] = [await lab.bridged("c1"), await lab.bridged("c2")];
    await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(one.result, web), netns: one.netns });
    const before = lab.host.must("nft list map inet cleat hostports4");
    const config = lab.portmapConfig(two.result, { ...web, hostPort: 9090 }, web);
    const { code, msg } = await lab.refused("portmap", { verb: "ADD", config, netns: two.netns, id: "c2" });
    assert.equal(code, 102);
    assert.match(msg, /8080.*net7\/c1\/eth0/);
    assert.equal(lab.host.must("nft list map inet cleat hostports4"), before);
    await lab.detach("c1");
    await lab.ok("portmap", { verb: "ADD", config, netns: two.netns, id: "c2" });
    await lab.detach("c2");
    await lab.isClean("br7");
  },
});

const CLIENT = ["192.0.2.2", 4444] as const;
const SERVICE = ["192.0.2.1", 5353] as const;

Deno.test({
  ...live(
    "[PM27] portmap with UDP: the same client reaches the next container after the first is deleted, in spite of conntrack",
  ),
  async fn() {
    using lab = new Ports();
    const outside = lab.outside();
    const dns = { hostPort: 5353, containerPort: 53, protocol: "udp" };
    // Before there is a mapping the client's packets make an entry that leads to the host itself.
    await using _nobody = await answer(lab.host, SERVICE[1], "the host");
    assert.equal(await ask(outside, CLIENT, SERVICE), "the host");
    for (const id of ["c1", "c2"]) {
      const { netns, result } = await lab.bridged(id);
      await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(result, dns), netns, id });
      await using _echo = await answer(netns, 53, id);
      for (const _ of [1, 2]) assert.equal(await ask(outside, CLIENT, SERVICE), id);
      await lab.ok("portmap", { verb: "DEL", config: lab.portmapConfig({}), netns, id });
      assert.equal(await ask(outside, CLIENT, SERVICE), "the host", "the entry of the deleted mapping still counts");
    }
    await lab.detach("c1", "c2");
    await lab.isClean("br7", "out0");
  },
});

Deno.test({
  ...live("portmap: without prevResult it is refused as no chained plugin, and without mappings nothing is made"),
  async fn() {
    using lab = new Ports();
    const netns = lab.container();
    const bare = { cniVersion: "1.0.0", name: "net7", type: "portmap", runtimeConfig: { portMappings: [web] } };
    const { code, msg } = await lab.refused("portmap", { verb: "ADD", config: bare, netns });
    assert.equal(code, 7);
    assert.match(msg, /chained plugin/);
    const { result } = await lab.bridged("c1");
    const passed = await lab.ok("portmap", { verb: "ADD", config: lab.portmapConfig(result), netns });
    assert.deepEqual(passed, result);
    await lab.detach("c1");
    await lab.isClean("br7");
    assert.equal(lab.remains().firewall, "");
  },
});

Deno.test({
  ...live("[PM20] portmap: ten DELs at once take the port away, and none of them minds the others"),
  async fn() {
    using lab = new Ports("1.0.0");
    const { netns, result } = await lab.bridged("c1");
    const config = lab.portmapConfig(result, web);
    await lab.ok("portmap", { verb: "ADD", config, netns });
    assert.match(lab.host.must("nft list map inet cleat hostports4"), /8080/);
    await Promise.all(Array.from({ length: 10 }, () => lab.ok("portmap", { verb: "DEL", config, netns })));
    await lab.detach("c1");
    await lab.isClean("br7");
  },
});
