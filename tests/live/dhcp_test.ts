/** The dhcp plugin and its daemon with a real server, in namespaces of their own. */
import assert from "node:assert/strict";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { DHCPD, DhcpLab, withServer } from "../support/dhcp_lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();

/** What CHECK says of an attachment that the log does not know: it asks the daemon. */
const unknown = async (lab: DhcpLab, netns: Netns): Promise<string> => {
  const env = { CLEAT_STATE_DIR: `${lab.folder}/other` };
  return (await lab.refused("dhcp", { verb: "CHECK", config: lab.conf(), netns, env })).msg;
};

Deno.test({
  ...withServer("[DH1] dhcp: ADD gets the first address of the pool and DEL gives it back, in every version"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    await using daemon = await lab.daemon();
    for (const version of VERSIONS) {
      const netns = lab.client();
      const config = lab.conf(version);
      const result = await lab.ok("dhcp", { verb: "ADD", config, netns });
      const from = server.lines.length;
      if (version < "0.3.0") {
        assert.deepEqual(result.ip4, {
          ip: "192.168.1.5/24",
          gateway: "192.168.1.1",
          routes: [{ dst: "0.0.0.0/0", gw: "192.168.1.1" }],
        });
      } else {
        const of = version < "1.0.0" ? { version: "4" } : {};
        assert.deepEqual(result.ips, [{ ...of, address: "192.168.1.5/24", gateway: "192.168.1.1" }]);
        assert.deepEqual(result.routes, [{ dst: "0.0.0.0/0", gw: "192.168.1.1" }]);
      }
      await lab.ok("dhcp", { verb: "DEL", config, netns });
      await server.until(/DHCPRELEASE\(br0\) 192\.168\.1\.5/, from);
    }
    await lab.isClean("br0", ...VERSIONS.map((_, at) => `port${at + 1}`));
    assert.equal(await daemon.end(), 0);
  },
});

Deno.test({
  ...withServer("[DH2] dhcp: three DELs at the same time and one more all succeed, and the server hears of one"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    await using _ = await lab.daemon();
    const netns = lab.client();
    const call = { config: lab.conf(), netns } as const;
    await lab.ok("dhcp", { ...call, verb: "ADD" });
    const ended = await Promise.all([1, 2, 3].map(() => lab.call("dhcp", { ...call, verb: "DEL" })));
    assert.deepEqual(ended.map(({ code }) => code), [0, 0, 0]);
    await lab.ok("dhcp", { ...call, verb: "DEL" });
    await server.until(/DHCPRELEASE/);
    assert.equal(server.lines.filter((line) => /DHCPRELEASE(?!.* unknown lease)/.test(line)).length, 1);
    await lab.isClean("br0", "port1");
  },
});

Deno.test({
  ...withServer("[DH3] dhcp: where the pool has one address, the second interface is told so, and both are deleted"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using _ = await lab.dnsmasq("192.168.1.5,192.168.1.5,300");
    await using __ = await lab.daemon(["-timeout", "200ms", "-resendmax", "1s", "-resendtimeout=1500ms"]);
    const netns = lab.client("eth0", "eth1");
    const config = lab.conf();
    await lab.ok("dhcp", { verb: "ADD", config, netns });
    const { msg, code } = await lab.refused("dhcp", { verb: "ADD", config, netns, ifName: "eth1" });
    assert.match(msg, /no more tries; no DHCP server has granted an address in time$/);
    assert.equal(code, 11);
    for (const ifName of ["eth0", "eth1"]) await lab.ok("dhcp", { verb: "DEL", config, netns, ifName });
    await lab.isClean("br0", "port1", "port2");
  },
});

Deno.test({
  ...withServer("[DH4] dhcp: two interfaces of one container get two addresses, and both are given back"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    await using _ = await lab.daemon();
    const netns = lab.client("eth0", "eth1");
    const config = lab.conf("0.3.1");
    for (const [ifName, address] of [["eth0", "192.168.1.5/24"], ["eth1", "192.168.1.6/24"]] as const) {
      const { ips } = await lab.ok("dhcp", { verb: "ADD", config, netns, ifName });
      assert.deepEqual(ips, [{ version: "4", address, gateway: "192.168.1.1" }]);
    }
    for (const ifName of ["eth0", "eth1"]) await lab.ok("dhcp", { verb: "DEL", config, netns, ifName });
    for (const end of [5, 6]) await server.until(new RegExp(`DHCPRELEASE\\(br0\\) 192\\.168\\.1\\.${end}`));
    await lab.isClean("br0", "port1", "port2");
  },
});

Deno.test({
  ...withServer("dhcp: what the configuration provides and asks for goes over the wire, and dns and routes come back"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq(
      undefined,
      "--dhcp-option=6,192.168.1.53",
      "--dhcp-option=15,lab.example",
      "--dhcp-option=option:domain-search,a.example,b.example",
      "--dhcp-option=121,0.0.0.0/0,192.168.1.1,198.51.100.0/24,0.0.0.0",
    );
    await using _ = await lab.daemon(["-broadcast"]);
    const netns = lab.client();
    const config = lab.conf("1.1.0", {
      priority: 50,
      provide: [{ option: "host-name", value: "ignored", fromArg: "K8S_POD_NAME" }, { option: "60", value: "cleat" }],
      request: [{ option: "121" }],
    });
    const env = { CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web-1" };
    const result = await lab.ok("dhcp", { verb: "ADD", config, netns, env });
    assert.deepEqual(result.dns, {
      nameservers: ["192.168.1.53"],
      domain: "lab.example",
      search: ["a.example", "b.example"],
    });
    assert.deepEqual(result.routes, [{ dst: "0.0.0.0/0", gw: "192.168.1.1", priority: 50 }, {
      dst: "198.51.100.0/24",
      priority: 50,
      scope: 253,
    }]);
    await server.until(/vendor class: cleat/);
    await server.until(/client provides name: web-1/);
    await lab.ok("dhcp", { verb: "DEL", config, netns });
  },
});

Deno.test({
  ...withServer("dhcp: a lease outlives its daemon, which is killed, without another word to the server"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    const netns = lab.client();
    const config = lab.conf();
    {
      await using daemon = await lab.daemon();
      await lab.ok("dhcp", { verb: "ADD", config, netns });
      await daemon.end("SIGKILL");
    }
    const down = await lab.refused("dhcp", { verb: "CHECK", config, netns });
    assert.match(down.msg, /Cannot reach the DHCP daemon at ".*": nobody listens there; start it: cleat dhcp daemon/);
    const unready = await lab.refused("dhcp", { verb: "STATUS", config, id: "", ifName: "" });
    assert.equal(unready.code, 50);
    await using _ = await lab.daemon();
    await lab.ok("dhcp", { verb: "CHECK", config, netns });
    await lab.ok("dhcp", { verb: "STATUS", config, id: "", ifName: "" });
    await lab.ok("dhcp", { verb: "DEL", config, netns });
    await server.until(/DHCPRELEASE\(br0\) 192\.168\.1\.5/);
    assert.ok(server.lines.filter((line) => /DHCPREQUEST/.test(line)).length === 1, "nothing was asked for again");
    assert.match(await unknown(lab, netns), /expected a lease of lan\/c1\/eth0, found none/);
  },
});

Deno.test({
  ...withServer("dhcp: DEL succeeds without a daemon, says so, and one that is started later does not renew the lease"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using _ = await lab.dnsmasq();
    const netns = lab.client();
    const config = lab.conf();
    {
      await using daemon = await lab.daemon();
      await lab.ok("dhcp", { verb: "ADD", config, netns });
      assert.equal(await daemon.end(), 0);
    }
    const ran = await lab.call("dhcp", { verb: "DEL", config, netns });
    assert.equal(ran.code, 0);
    assert.match(ran.stderr, /No DHCP daemon is at ".*" to give back the lease of lan\/c1\/eth0/);
    await using __ = await lab.daemon();
    assert.match(await unknown(lab, netns), /expected a lease .*, found none/);
    await lab.isClean("br0", "port1");
  },
});

Deno.test({
  ...withServer(
    "dhcp: a lease of seconds is renewed by its server until that is gone, and its link is down at the end",
    DHCPD,
  ),
  async fn() {
    using lab = new DhcpLab(bin);
    const times = "default-lease-time 4; max-lease-time 4; option dhcp-renewal-time 1; option dhcp-rebinding-time 3;";
    await using server = await lab.dhcpd(times);
    await using daemon = await lab.daemon();
    const netns = lab.client();
    const config = lab.conf("1.1.0");
    await lab.ok("dhcp", { verb: "ADD", config, netns });
    netns.must("ip address add 192.168.1.5/24 dev eth0");
    const from = server.lines.length;
    // A renewal goes from the leased address to the server, which acknowledges it there.
    await server.until(/DHCPREQUEST for 192\.168\.1\.5 from/, from);
    await server.until(/DHCPACK on 192\.168\.1\.5/, from);
    await server.end("SIGKILL");
    await daemon.until(/lan\/c1\/eth0 has lost 192\.168\.1\.5\/24: it has expired/);
    assert.match(netns.must("ip -o link show eth0"), /state DOWN/);
    assert.match((await lab.refused("dhcp", { verb: "CHECK", config, netns })).msg, /found none/);
    await lab.ok("dhcp", { verb: "DEL", config, netns });
  },
});
