/** The DHCP daemon as a process: its socket, its files, its end, and what it holds of containers. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { DhcpLab, withServer } from "../support/dhcp_lab.ts";
import { listenAt } from "../../src/effects/libc/local_sockets.ts";
import { close } from "../../src/effects/libc/sockets.ts";
import { execIn } from "../support/plugin_exec.ts";
import { Talker } from "../support/talker.ts";

const bin = await builtBin();

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});
const F_SETFD = 2; // asm-generic/fcntl.h

const namesIn = (folder: string): readonly string[] => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test({
  ...withServer(
    "the DHCP daemon writes its pid, makes its socket for root alone, and takes both away when it is told to end",
  ),
  async fn() {
    using lab = new DhcpLab(bin);
    const pidfile = `${lab.folder}/pid`;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using daemon = await lab.daemon(["-pidfile", pidfile]);
      assert.equal(Deno.readTextFileSync(pidfile), `${daemon.pid}`);
      assert.equal((Deno.statSync(lab.socket).mode ?? 0) & 0o777, 0o660);
      assert.equal((Deno.statSync(`${lab.folder}/run`).mode ?? 0) & 0o777, 0o700);
      assert.equal(await daemon.end(signal), 0);
      assert.deepEqual([namesIn(`${lab.folder}/run`), namesIn(lab.folder).includes("pid")], [[], false]);
    }
  },
});

Deno.test({
  ...withServer(
    "a second DHCP daemon is refused while the first listens, and replaces the socket that a killed one left",
  ),
  async fn() {
    using lab = new DhcpLab(bin);
    const pidfile = `${lab.folder}/pid`;
    await using first = await lab.daemon(["-pidfile", pidfile]);
    const args = ["dhcp", "daemon", "-socketpath", lab.socket, "-pidfile", pidfile];
    const second = await execIn(lab.host, lab.file("cleat"), { CLEAT_STATE_DIR: lab.state }, "", args);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /Cannot listen on ".*dhcp\.sock": another daemon listens there/);
    assert.equal(Deno.readTextFileSync(pidfile), `${first.pid}`, "the file is the first one's");
    await first.end("SIGKILL");
    await using third = await lab.daemon();
    assert.equal(await third.end(), 0);
    Deno.writeTextFileSync(lab.socket, "mine");
    const file = await execIn(lab.host, lab.file("dhcp"), { CLEAT_STATE_DIR: lab.state }, "", args.slice(1));
    assert.match(file.stderr, /it is no socket/);
    assert.equal(Deno.readTextFileSync(lab.socket), "mine");
    const wrong = await execIn(lab.host, lab.file("dhcp"), {}, "", ["daemon", "-nonsense"]);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /does not know "-nonsense"[\s\S]*Usage: cleat dhcp daemon/);
  },
});

Deno.test({
  ...withServer("a socket that systemd hands over is served, and one that does not listen is refused"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using _ = await lab.dnsmasq();
    Deno.mkdirSync(`${lab.folder}/run`);
    const fd = listenAt(lab.socket);
    try {
      libc.fcntl(fd, F_SETFD, 0);
      const start = (from: string, count: number) =>
        new Talker(lab.host, "/bin/bash", [
          "-c",
          `exec 3<&${from}; LISTEN_PID=$$ LISTEN_FDS=${count} exec ${
            lab.file("dhcp")
          } daemon -socketpath ${lab.socket}`,
        ], { CLEAT_STATE_DIR: lab.state });
      await using refused = start("0", 1);
      await refused.until(/Cannot listen on ".*": /);
      await using several = start(`${fd}`, 2);
      await several.until(/2 sockets were handed over, and one is wanted/);
      assert.deepEqual(namesIn(`${lab.folder}/run`), ["dhcp.sock"], "a socket of somebody else stays");
      await using daemon = start(`${fd}`, 1);
      await daemon.until(/listens on/);
      const netns = lab.client();
      for (const verb of ["ADD", "DEL"] as const) await lab.ok("dhcp", { verb, config: lab.conf(), netns });
      await daemon.end();
      assert.deepEqual(namesIn(`${lab.folder}/run`), ["dhcp.sock"], "systemd goes on listening");
    } finally {
      close(fd);
    }
  },
});

Deno.test({
  ...withServer("callers that use up the DHCP daemon's descriptors make others wait, and do not end it"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using _ = await lab.dnsmasq();
    const start = `ulimit -n 64; exec ${lab.file("dhcp")} daemon -socketpath ${lab.socket}`;
    await using daemon = new Talker(lab.host, "/bin/bash", ["-c", start], { CLEAT_STATE_DIR: lab.state });
    await daemon.until(/listens on/);
    const idle: Deno.UnixConn[] = [];
    const netns = lab.client();
    try {
      for (let count = 0; count < 100; count++) idle.push(await Deno.connect({ transport: "unix", path: lab.socket }));
      const waiting = lab.ok("dhcp", { verb: "ADD", config: lab.conf(), netns });
      for (const conn of idle.splice(0)) conn.close();
      await waiting;
    } finally {
      for (const conn of idle) conn.close();
    }
    await lab.ok("dhcp", { verb: "DEL", config: lab.conf(), netns });
  },
});

Deno.test({
  ...withServer("the DHCP daemon finds namespaces below its prefix, and holds none of them open"),
  async fn() {
    using lab = new DhcpLab(bin);
    await using _ = await lab.dnsmasq();
    const prefix = `${lab.folder}/root`;
    const netns = lab.client();
    const socket = `${prefix}/dhcp.sock`;
    await using daemon = new Talker(
      lab.host,
      lab.file("dhcp"),
      ["daemon", "-hostprefix", prefix, "-socketpath", "/dhcp.sock"],
      { CLEAT_STATE_DIR: lab.state },
    );
    await daemon.until(/listens on/);
    const call = { config: lab.conf("1.1.0", { daemonSocketPath: socket }), netns } as const;
    const away = await lab.refused("dhcp", { ...call, verb: "ADD" });
    assert.match(away.msg, /Cannot speak DHCP on "eth0" in ".*": .*no such file/);
    Deno.mkdirSync(`${prefix}${netns.path}`.replace(/\/\d+$/, ""), { recursive: true });
    Deno.symlinkSync(netns.path, `${prefix}${netns.path}`);
    await lab.ok("dhcp", { ...call, verb: "ADD" });
    const opened = [...Deno.readDirSync(`/proc/${daemon.pid}/fd`)].flatMap(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/${daemon.pid}/fd/${name}`);
      } catch {
        return [];
      }
    });
    assert.deepEqual(opened.filter((target) => target.startsWith("net:")), []);
  },
});

Deno.test({
  ...withServer(
    "the bridge plugin with addresses of a DHCP server: traffic, CHECK, and a release that the server hears",
  ),
  async fn() {
    using lab = new DhcpLab(bin);
    await using server = await lab.dnsmasq();
    await using _ = await lab.daemon();
    const netns = lab.container();
    lab.host.must("ip link set br0 address 02:00:00:00:00:66");
    const ipam = { type: "dhcp", daemonSocketPath: lab.socket };
    const config = { cniVersion: "1.1.0", name: "lan", type: "bridge", bridge: "br0", ipam };
    const result = await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.match(netns.must("ip -o address show dev eth0"), /192\.168\.1\.5\/24/);
    assert.match(netns.must("ip route"), /default via 192\.168\.1\.1/);
    netns.must("ping -c1 -W2 192.168.1.1");
    await lab.ok("bridge", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
    await lab.ok("bridge", { verb: "STATUS", config, id: "", ifName: "" });
    // A bridge takes another by itself when a port with a lower one comes.
    lab.host.must("ip link set br0 address 02:00:00:00:00:77");
    await lab.ok("bridge", { verb: "DEL", config, netns });
    await server.until(/DHCPRELEASE\(br0\) 192\.168\.1\.5/);
    await lab.isClean("br0");
  },
});
