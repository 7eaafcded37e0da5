/** Our dhcp and Go's, as plugin and as daemon: each understands the other. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can } from "../support/capabilities.ts";
import { DhcpLab, DNSMASQ, withServer } from "../support/dhcp_lab.ts";
import { goBin, normal } from "../support/go_suite.ts";

const bin = await builtBin();

const beside = (name: string) => withServer(name, DNSMASQ, can.peer !== null);

const VERSIONS = ["0.2.0", "0.4.0", "1.0.0"] as const;
const CLASSLESS = "--dhcp-option=121,0.0.0.0/0,192.168.1.1,10.0.0.0/8,192.168.1.2";

/** Attaches and detaches in every version; answers the results, of which the server has heard everything. */
async function results(plugin: string, daemonFile: string): Promise<readonly JsonObject[]> {
  using lab = new DhcpLab(plugin);
  await using server = await lab.dnsmasq(undefined, CLASSLESS);
  await using _ = daemonFile.startsWith(bin)
    ? await lab.daemon([], daemonFile)
    : await lab.goDaemon(daemonFile, ["-timeout", "300ms"]);
  const found: JsonObject[] = [];
  for (const version of VERSIONS) {
    const netns = lab.client();
    netns.must("ip link set eth0 up"); // Go's daemon loses its first word where the bridge does not forward yet
    const config = lab.conf(version, { request: [{ option: "121" }], provide: [{ option: "12", value: "me" }] });
    const call = { config, netns } as const;
    const result = await lab.ok("dhcp", { ...call, verb: "ADD" });
    found.push(normal(result, lab) as JsonObject);
    if (version >= "0.4.0") {
      await lab.ok("dhcp", { ...call, config: { ...config, prevResult: result }, verb: "CHECK" });
    }
    const from = server.lines.length;
    for (const _ of [1, 2]) await lab.ok("dhcp", { ...call, verb: "DEL" });
    // Go's RELEASE comes from 0.0.0.0, which servers do not hear.
    if (daemonFile.startsWith(bin)) await server.until(/DHCPRELEASE/, from);
  }
  return found;
}

Deno.test({
  ...beside("[DH1] dhcp: plugin and daemon of either suite give the same results, and understand each other"),
  async fn() {
    const gos = await results(goBin, `${goBin}/dhcp`);
    assert.equal(gos.length, VERSIONS.length);
    assert.deepEqual(await results(bin, `${bin}/dhcp`), gos, "ours alone");
    assert.deepEqual(await results(goBin, `${bin}/dhcp`), gos, "Go's plugin with our daemon");
    assert.deepEqual(await results(bin, `${goBin}/dhcp`), gos, "our plugin with Go's daemon");
  },
});

Deno.test({
  ...beside("[DH2, DH3] dhcp: Go's plugin hears from our daemon that there are no more tries, and what it cannot use"),
  async fn() {
    using lab = new DhcpLab(goBin);
    await using _ = await lab.dnsmasq("192.168.1.5,192.168.1.5,300");
    const flags = ["--timeout", "200ms", "-resendmax=1s", "-resendtimeout=1500ms"];
    await using __ = await lab.daemon(flags, `${bin}/dhcp`);
    const netns = lab.client("eth0", "eth1");
    const config = lab.conf("1.0.0");
    await lab.ok("dhcp", { verb: "ADD", config, netns });
    const refused = await lab.call("dhcp", { verb: "ADD", config, netns, ifName: "eth1" });
    assert.equal(JSON.parse(refused.stdout).msg, "error calling DHCP.Allocate: no more tries");
    const nonsense = lab.conf("1.0.0", { request: [{ option: "nonsense" }] });
    const unread = await lab.call("dhcp", { verb: "ADD", config: nonsense, netns, ifName: "eth1" });
    assert.match(JSON.parse(unread.stdout).msg, /error calling DHCP\.Allocate: .*"nonsense": can not parse option/);
    for (const ifName of ["eth0", "eth1"]) {
      const ended = await Promise.all([1, 2, 3].map(() => lab.call("dhcp", { verb: "DEL", config, netns, ifName })));
      assert.deepEqual(ended.map(({ code }) => code), [0, 0, 0]);
    }
  },
});

Deno.test({
  ...beside("dhcp: what Go's plugin has attached, ours finds with our daemon: CHECK, GC and DEL"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    await using _ = await lab.daemon();
    const netns = lab.client("eth0", "eth1");
    const [config, gc] = [lab.conf("1.0.0"), { ...lab.conf("1.1.0"), "cni.dev/valid-attachments": [] }];
    for (const ifName of ["eth0", "eth1"]) await lab.ok(`${goBin}/dhcp`, { verb: "ADD", config, netns, ifName });
    await lab.ok("dhcp", { verb: "CHECK", config, netns });
    await lab.ok("dhcp", { verb: "DEL", config, netns });
    await server.until(/DHCPRELEASE\(br0\) 192\.168\.1\.5/);
    await lab.ok("dhcp", { verb: "GC", config: gc, id: "", ifName: "" });
    await server.until(/DHCPRELEASE\(br0\) 192\.168\.1\.6/);
    await lab.isClean("br0", "port1", "port2");
  },
});
