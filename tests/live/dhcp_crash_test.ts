/** Deaths of those who hold addresses of a DHCP server: the plugins, and the daemon. Real processes, killed by SIGKILL. */
import assert from "node:assert/strict";
import { formatCidr } from "../../src/spec/cidr.ts";
import { DhcpLab, withServer } from "../support/dhcp_lab.ts";
import {
  type Death,
  leftOf,
  looksOf,
  type Member,
  mustAll,
  pointsOf,
  type Run,
  runAll,
  tryDeaths,
} from "../support/dying_crowd.ts";
import type { DaemonJob } from "../support/dying_daemon.ts";
import { doorOf, scriptBeside } from "../support/dying_process.ts";
import type { Ended } from "../support/dying_world.ts";
import type { Netns } from "../support/netns.ts";
import { Talker } from "../support/talker.ts";

/** Daemons that live, or die when each has come to its point. */
async function daemons(lab: DhcpLab, jobs: readonly DaemonJob[]): Promise<Talker> {
  const [program, ...args] = doorOf(scriptBeside("dying_daemon"));
  const env = { HOME: Deno.env.get("HOME") ?? "", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" };
  const started = new Talker(lab.host, program, [...args, JSON.stringify(jobs)], env);
  await started.until(/^all listen$/);
  return started;
}

/** A namespace without IPv6, whose addresses come in their own time. */
const quiet = (netns: Netns): Netns => {
  netns.must("for conf in all default; do echo 1 > /proc/sys/net/ipv6/conf/$conf/disable_ipv6; done");
  return netns;
};

/** A port of a bridge forwards a moment after its other end is up. */
const untilForwarding = (lab: DhcpLab): void =>
  void lab.host.must("timeout 10 sh -c 'while ip -d link | grep -q \"bridge_slave state disabled\"; do :; done'");

/** An interface on the server's network, which `dhcp` alone gets an address for. */
function alone(lab: DhcpLab, n: number, socket = lab.socket, state = lab.state): Member {
  const netns = quiet(lab.client());
  netns.must("ip link set eth0 up");
  untilForwarding(lab);
  const config = { ...lab.conf("1.1.0", { daemonSocketPath: socket }), name: `dhcp-${n}` };
  return { plugin: "dhcp", netns, state, config };
}

/** A container that `bridge` connects to it, with dhcp as its IPAM plugin. */
function bridged(lab: DhcpLab, n: number): Member {
  const ipam = { type: "dhcp", daemonSocketPath: lab.socket };
  const config = { cniVersion: "1.1.0", name: `bridge-${n}`, type: "bridge", bridge: "br0", ipam };
  return { plugin: "bridge", netns: quiet(lab.container()), state: lab.state, config };
}

/** Every so manieth point of bridge: odd, so that points before and after steps come up. */
const BRIDGED = 3;

const addressIn = ({ result }: Ended): string => {
  const [ip] = result?.ips ?? [];
  return ip === undefined ? "none" : formatCidr(ip.address).replace(/\/\d+$/, "");
};

/** How long the server may take to write its file, in milliseconds. */
const LIMIT_MS = 20_000;

/**
 * The addresses that the server counts as leased, by its file: what it says is lost where it says much at once. `last` comes
 * and goes, so that everything before it counts.
 */
async function heldBy(lab: DhcpLab, last: Member): Promise<readonly string[]> {
  const [, mac = "none"] = /link\/ether (\S+)/.exec(last.netns.must("ip -o link show eth0")) ?? [];
  const limit = Date.now() + LIMIT_MS;
  let lines: readonly string[] = [];
  for (const [verb, isThere] of [["ADD", true], ["DEL", false]] as const) {
    await mustAll(lab, [[last, verb]]);
    do {
      lines = Deno.readTextFileSync(`${lab.folder}/dnsmasq.leases`).split("\n");
    } while (lines.some((line) => line.includes(mac)) !== isThere && Date.now() < limit);
  }
  return [...new Set(lines.flatMap((line) => /^\d+ \S+ (\S+) /.exec(line)?.[1] ?? []))].sort();
}

Deno.test({
  ...withServer(
    "dhcp dies at every point of ADD and DEL, and bridge with it at some: DEL, GC, ADD and recover leave nothing, nor does the server",
  ),
  async fn() {
    using lab = new DhcpLab();
    quiet(lab.host);
    await using _server = await lab.dnsmasq();
    await using _daemons = await daemons(lab, [{ socket: lab.socket, state: lab.state, at: null }]);
    const last = alone(lab, 0);
    const deaths: Death[] = [];
    for (const [make, every] of [[alone, 1], [bridged, BRIDGED]] as const) {
      await mustAll(lab, [[make(lab, 1), "ADD", "DEL"]]); // what all share is there
      const counts = await pointsOf(lab, make(lab, 1));
      for (const verb of ["ADD", "DEL"] as const) {
        for (let at = 0; at < counts[verb]; at += every) {
          deaths.push({ member: make(lab, deaths.length + 2), verb, at });
        }
      }
    }
    assert.ok(deaths.length > 20, `${deaths.length} points`);
    const after = looksOf(lab, []).host;
    const others = async () => (await heldBy(lab, last)).map((address) => `+ the server's lease of ${address}`);
    const verbs = ["DEL", "GC", "ADD"] as const;
    assert.deepEqual(
      await tryDeaths(lab, deaths, { recovery: ({ at }) => verbs[at % verbs.length] ?? "DEL", after, others }),
      [],
    );
    const some = deaths.filter((_, i) => i % 4 === 1);
    assert.deepEqual(await tryDeaths(lab, some, { recovery: "recover", after, others }), []);
  },
});

/** How many points the life of a lease has for its daemon: until ADD has been answered, and until DEL has. */
async function daemonPoints(lab: DhcpLab): Promise<{ readonly ADD: number; readonly all: number }> {
  const [socket, state] = [`${lab.folder}/run/count.sock`, `${lab.folder}/count`];
  await using daemon = await daemons(lab, [{ socket, state, at: null }]);
  const member = alone(lab, 0, socket, state);
  const counts: number[] = [];
  for (const verb of ["ADD", "DEL"] as const) {
    let from = daemon.lines.length;
    await mustAll(lab, [[member, verb]]);
    // The protocol is taken up, and the call is answered.
    for (const _ of [1, 2]) from = daemon.lines.indexOf(await daemon.until(/^after answer$/, from), from) + 1;
    counts.push(daemon.lines.slice(0, from).filter((line) => /^(before|after) /.test(line)).length);
  }
  const [ADD = 0, all = 0] = counts;
  return { ADD, all };
}

Deno.test({
  ...withServer(
    "the DHCP daemon dies at every point of ADD and DEL: DEL by its successor leaves nothing, and a new ADD takes up what the server still holds",
  ),
  async fn() {
    using lab = new DhcpLab();
    quiet(lab.host);
    await using _server = await lab.dnsmasq();
    const points = await daemonPoints(lab);
    assert.ok(points.ADD > 9 && points.all > points.ADD + 7, JSON.stringify(points));
    const members = Array.from(
      { length: points.all },
      (_, at) => alone(lab, at + 1, `${lab.folder}/run/${at}.sock`, `${lab.folder}/states/${at}`),
    );
    const last = alone(lab, 0);
    const before = looksOf(lab, [...members, last]);
    const jobs = members.map(({ state }, at): DaemonJob => ({ socket: `${lab.folder}/run/${at}.sock`, state, at }));
    await using mortal = await daemons(lab, jobs);
    const lives = members.map((member, at): Run => at < points.ADD ? [member, "ADD"] : [member, "ADD", "DEL"]);
    const ended = await runAll(lab, lives, (at) => mortal.until(new RegExp(`^at ${at}$`)));
    assert.equal(await mortal.end("SIGCONT"), 128 + 9, "it was killed");
    const living = { socket: lab.socket, state: lab.state, at: null };
    await using _daemons = await daemons(lab, [...jobs.map((job) => ({ ...job, at: null })), living]);
    await mustAll(lab, members.map((member) => [member, "DEL"]));
    assert.deepEqual(await leftOf(lab, before, before.host), []);
    const held = await heldBy(lab, last);
    const again = await mustAll(lab, members.map((member) => [member, "ADD"]));
    // A grant that is not in the book yet is known to the server alone; who finds no daemon in DEL is told as much.
    const isExcused = (at: number) =>
      at < points.ADD || (ended[at]?.said.join().includes("its server keeps it") ?? false);
    const excused = again.filter((_, at) => isExcused(at)).map(addressIn);
    assert.deepEqual(held.filter((address) => !excused.includes(address)), [], "kept without a word");
    assert.ok(held.length > 0, "no daemon died between a grant and its book");
    await mustAll(lab, members.map((member) => [member, "DEL"]));
    assert.deepEqual(await heldBy(lab, last), []);
    assert.deepEqual(await leftOf(lab, before, before.host), []);
  },
});
