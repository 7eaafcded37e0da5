/** What starting costs, in time and memory: an empty script, a plugin that only tells its version, one that attaches. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import { type Env, execIn, succeeded } from "../../tests/support/plugin_exec.ts";
import { compete, type Contender, timed } from "../contest.ts";
import { peakOf } from "../peak.ts";
import { dbnetIn, wishes } from "../stage.ts";
import { against, type Plan, type Row, side, type Table } from "../table.ts";

/** A program, and what takes back what it does. */
interface Program {
  readonly name: string;
  readonly lab: Lab;
  readonly argv: readonly string[];
  readonly env: Env;
  readonly stdin: string;
  readonly undo?: Env;
}

const run = async ({ lab, argv: [file = "", ...args], stdin }: Program, env: Env): Promise<void> =>
  void succeeded(await execIn(lab.host, file, env, stdin, args));

/** Where a Deno that has no other environment finds what it has compiled. */
const HOME: Env = { HOME: Deno.env.get("HOME"), DENO_DIR: Deno.env.get("DENO_DIR") };

/** bridge, told to say its version and to attach a container. */
function bridge(lab: Lab, folder: string, of: string): readonly Program[] {
  const netns = lab.container();
  const { plugins: [first], ...list } = dbnetIn(lab);
  const stdin = JSON.stringify({ ...first, ...list, runtimeConfig: wishes(8080) });
  const base = { lab, argv: [`${folder}/bridge`], stdin };
  const env = {
    CNI_CONTAINERID: "c1",
    CNI_IFNAME: "eth0",
    CNI_NETNS: netns.path,
    CNI_PATH: folder,
    CLEAT_STATE_DIR: lab.state,
  };
  const undo = { ...env, CNI_COMMAND: "DEL" };
  return [
    { ...base, name: `${of}VERSION`, env: { CNI_COMMAND: "VERSION" } },
    { ...base, name: `${of}ADD`, env: { ...env, CNI_COMMAND: "ADD" }, undo },
  ];
}

const contender = (program: Program): Contender => ({
  name: program.name,
  round: async () => {
    const time = await timed(() => run(program, program.env));
    if (program.undo !== undefined) await run(program, program.undo);
    return { time };
  },
});

/** Peaks, each of a process of its own. */
async function peaks(programs: readonly Program[], count: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>(programs.map(({ name }) => [name, []]));
  for (let i = 0; i < count; i++) {
    for (const { name, lab, argv, env, stdin, ...program } of programs) {
      const peak = await peakOf(lab.host, argv, env, stdin);
      if (peak !== null) found.get(name)?.push(peak);
      if (program.undo !== undefined) await run({ name, lab, argv, env, stdin }, program.undo);
    }
  }
  return found;
}

/** Own programs beside the empty script; the last two beside Go's, where there is one. */
const PAIRS = [
  ["VERSION", "empty", "an empty script"],
  ["ADD", "empty", "an empty script"],
  ["VERSION", "Go's VERSION", "Go's"],
  ["ADD", "Go's ADD", "Go's"],
] as const;

const idOf = (what: string, own: string, other: string): string =>
  `startup.${what}${own.toLowerCase()}/${other.startsWith("Go") ? "go" : other}`;

/** Measures start-up. */
export async function startup({ quick, peer, tick }: Plan): Promise<Table> {
  using stack = new DisposableStack();
  const bin = await builtBin();
  const lab = stack.use(new Lab(bin));
  Deno.writeTextFileSync(`${lab.folder}/empty.js`, "");
  const argv = [Deno.execPath(), "run", `${lab.folder}/empty.js`];
  const programs: readonly Program[] = [
    { name: "empty", lab, argv, env: HOME, stdin: "" },
    ...bridge(lab, bin, ""),
    ...(peer === null ? [] : bridge(stack.use(new Lab(peer)), peer, "Go's ")),
  ];
  const rounds = quick ? { warmUps: 2, rounds: 9, block: 1 } : { warmUps: 4, rounds: 41, block: 1 };
  const samples = await compete(programs.map(contender), rounds, tick);
  const memory = await peaks(programs, quick ? 1 : 5);
  const rows: readonly Row[] = PAIRS.flatMap(([own, other, name]) => [
    ...against(
      idOf("", own, other),
      "ms",
      side(samples, own, "time", `bridge ${own}`),
      side(samples, other, "time", name),
    ),
    ...against(
      idOf("memory.", own, other),
      "MB",
      { name: `bridge ${own}: memory`, values: memory.get(own) ?? [] },
      { name, values: memory.get(other) ?? [] },
    ),
  ]);
  return {
    id: "startup",
    title: "Start-up",
    note:
      "Whole processes, from start to end; ADD is that of bridge with host-local. Memory is the peak of what is resident, " +
      "of the largest process where there are several.",
    rows,
  };
}
