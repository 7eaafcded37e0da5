/** SIGKILL at many moments of a command: DEL takes back what there is, and ADD works again. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { killAfter } from "../support/kill.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const SOMAXCONN = "cat /proc/sys/net/core/somaxconn";

/** A network with something of everything. */
const listIn = (lab: Lab) => ({
  cniVersion: "1.0.0",
  name: "crashnet",
  plugins: [
    {
      type: "bridge",
      bridge: "br8",
      isDefaultGateway: true,
      ipMasq: true,
      macspoofchk: true,
      ipam: ipamIn(lab, "10.8.0.0/24", "fd08::/64"),
    },
    { type: "tuning", mtu: 1400, sysctl: { "net.core.somaxconn": "500" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});

/** Starts an executable whose stdin is this text. */
const start = async (lab: Lab, name: string, args: readonly string[], env: Record<string, string>, stdin = "") => {
  const child = lab.host.spawn(lab.file(name), {
    args: [...args],
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", CNI_PATH: lab.path, CLEAT_STATE_DIR: lab.state, ...env },
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  });
  await new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
  return child;
};

type Verb = "ADD" | "DEL";

/** Something that attaches and detaches one container: started only, or run to its end, which must be good. */
interface Runs {
  readonly start: (verb: Verb) => Promise<Deno.ChildProcess>;
  readonly ok: (verb: Verb) => Promise<void>;
}

/** The bridge executable in the lab. */
const bridgeIn = (lab: Lab, netns: Netns): Runs => {
  const config = { cniVersion: "1.0.0", name: "crashnet", ...listIn(lab).plugins[0] };
  const env = { CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: netns.path };
  return {
    start: (verb) => start(lab, "bridge", [], { ...env, CNI_COMMAND: verb }, JSON.stringify(config)),
    ok: async (verb) => void await lab.ok("bridge", { verb, config, netns }),
  };
};

/** `cleat` in the lab. */
const cleatIn = (lab: Lab, netns: Netns): Runs => {
  Deno.writeTextFileSync(`${lab.folder}/crashnet.conflist`, JSON.stringify(listIn(lab)));
  const rest = ["crashnet", netns.path, "--container-id", "c1", "--cache-dir", `${lab.folder}/cache`];
  const args = (verb: Verb) => [verb.toLowerCase(), ...rest];
  const CAP_ARGS = JSON.stringify({ portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] });
  return {
    start: (verb) => start(lab, "cleat", args(verb), { CAP_ARGS, NETCONFPATH: lab.folder }),
    ok: async (verb) => {
      const ran = await lab.cleat(args(verb), { CAP_ARGS });
      assert.equal(ran.code, 0, `${verb}: ${ran.stderr}`);
    },
  };
};

/** `count` moments of a command that writes `most` lines, closer together at its start. */
const moments = (count: number, most: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => Math.floor((i / count) ** 1.3 * most));

/** Nothing is left on the host, and the namespace is as a new one. */
const isUntouched = async (lab: Lab, netns: Netns): Promise<void> => {
  await lab.isClean(...lab.remains().links.filter((link) => link === "br8"));
  const links = netns.must("ip -o link");
  assert.equal(links.split("\n").length, 2, links);
  assert.equal(netns.must(SOMAXCONN), lab.host.must(SOMAXCONN));
};

/** Kills `verb` at these moments; each time DEL must leave nothing, and now and then ADD must work after it. */
async function killRounds(at: readonly number[], verb: Verb, lab: Lab, netns: Netns, run: Runs): Promise<void> {
  const seen = new Set<number>();
  let killed = 0;
  for (const [round, moment] of at.entries()) {
    if (verb === "DEL") await run.ok("ADD");
    const end = await killAfter(await run.start(verb), lab.state, moment);
    if (end.killed) killed++;
    seen.add(end.lines);
    await run.ok("DEL");
    await isUntouched(lab, netns);
    if (verb === "DEL" || round % 8 !== 7) continue;
    await run.ok("ADD");
    await run.ok("DEL");
  }

  assert.ok(killed >= at.length / 2, `only ${killed} of ${at.length} were killed in time`);
  assert.ok(seen.size >= 4, `all were killed at the same moments: ${[...seen]}`);
}

for (const [name, make, most] of [["the bridge executable", bridgeIn, 40], ["cleat", cleatIn, 66]] as const) {
  Deno.test({
    ...live(`${name} is killed at 16 moments of ADD: DEL leaves nothing, and ADD works after it`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      await killRounds(moments(16, most), "ADD", lab, netns, make(lab, netns));
    },
  });
}

Deno.test({
  ...live("cleat is killed at 8 moments of DEL: the next DEL leaves nothing, and ADD works after it"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    await killRounds(moments(8, 20), "DEL", lab, netns, cleatIn(lab, netns));
  },
});
