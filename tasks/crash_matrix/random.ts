/** Executables that are killed from outside, at any moment, eight at once on one host. */
import assert from "node:assert/strict";
import { ipamIn, Lab } from "../../tests/support/lab.ts";
import type { Netns } from "../../tests/support/netns.ts";
import { snapshot } from "../../tests/support/snapshot.ts";

/** Processes at once. */
export const AT_ONCE = 8;

/** What came of it. How many died in time depends on the clock, so no page has it. */
export interface RandomKills {
  readonly rounds: number;
  readonly killed: number;
  /** What was wrong, one sentence each. */
  readonly left: readonly string[];
}

const list = (lab: Lab) => ({
  cniVersion: "1.1.0",
  name: "crashnet",
  plugins: [
    { type: "bridge", bridge: "br8", isDefaultGateway: true, ipMasq: true, ipam: ipamIn(lab, "10.8.0.0/24") },
    { type: "tuning", sysctl: { "net.core.somaxconn": "500" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});

/** Arguments and environment of `cleat` for the n-th container. */
const commandOf = (lab: Lab, netns: Netns, n: number) => ({
  args: (
    verb: string,
  ) => [verb, "crashnet", netns.path, "--container-id", `c${n}`, "--cache-dir", `${lab.folder}/cache`],
  env: { CAP_ARGS: JSON.stringify({ portMappings: [{ hostPort: 8080 + n, containerPort: 80, protocol: "tcp" }] }) },
});

type Command = ReturnType<typeof commandOf>;

/** Runs a verb of `cleat`, which must succeed. */
const must = async (lab: Lab, { args, env }: Command, verb: string): Promise<void> => {
  const { code, stderr } = await lab.cleat(args(verb), env);
  assert.equal(code, 0, `${verb}: ${stderr}`);
};

/** Starts a verb and kills it after that many milliseconds; answers whether it was still running. */
async function kill(lab: Lab, { args, env }: Command, verb: string, after: number): Promise<boolean> {
  const child = lab.host.spawn(lab.file("cleat"), {
    args: args(verb),
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", CNI_PATH: lab.path, CLEAT_STATE_DIR: lab.state, NETCONFPATH: lab.folder, ...env },
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const timer = setTimeout(() => {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has just ended
    }
  }, after);
  const { signal } = await child.status;
  clearTimeout(timer);
  return signal === "SIGKILL";
}

/** ADD or DEL is killed, and DEL is run; answers whether it died in time. */
async function round(lab: Lab, command: Command, verb: "add" | "del", after: number): Promise<boolean> {
  if (verb === "del") await must(lab, command, "add");
  const killed = await kill(lab, command, verb, after);
  await must(lab, command, "del");
  return killed;
}

/** That many rounds; the moments come from `random`, between 0 and 1. */
export async function killAtRandom(bin: string, rounds: number, random: () => number): Promise<RandomKills> {
  using lab = new Lab(bin);
  Deno.writeTextFileSync(`${lab.folder}/crashnet.conflist`, JSON.stringify(list(lab)));
  const commands = Array.from({ length: AT_ONCE }, (_, n) => commandOf(lab, lab.container(), n));
  const started = performance.now();
  await Promise.all(commands.map((command) => must(lab, command, "add")));
  const longest = performance.now() - started;
  await Promise.all(commands.map((command) => must(lab, command, "del")));
  const untouched = snapshot(lab.host);
  const left: string[] = [];
  let killed = 0;
  for (let done = 0; done < rounds; done += AT_ONCE) {
    const verb = (done / AT_ONCE) % 2 === 0 ? "add" : "del";
    const ends = await Promise.allSettled(
      commands.map((command) => round(lab, command, verb, random() * longest)),
    );
    for (const end of ends) {
      if (end.status === "rejected") left.push(String(end.reason));
      else if (end.value) killed++;
    }
    try {
      await lab.isClean("br8");
    } catch (error) {
      left.push(String(error));
    }
  }
  try {
    assert.deepEqual(snapshot(lab.host), untouched);
  } catch (error) {
    left.push(String(error));
  }
  return { rounds, killed, left };
}
