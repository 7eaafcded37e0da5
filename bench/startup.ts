/** What starting costs: a plugin's VERSION against a Deno that runs an empty script. */
import { builtBin } from "../tests/support/built.ts";
import { median } from "./median.ts";

/** Runs of each command. Odd, so that the median is one of them. */
const RUNS = 41;
/** Runs that are not counted: they bring files into the page cache. */
const WARM_UPS = 4;

/** One row of the table. Times are medians of whole processes, from start to end, in milliseconds. */
export interface StartupRow {
  readonly name: string;
  /** `medianMs` / `baselineMs`, both of the same interleaved run. */
  readonly ratio: number;
  readonly medianMs: number;
  /** `deno run` of an empty script. */
  readonly baselineMs: number;
}

/** How long one process takes, in milliseconds. */
const time = (command: Deno.Command): number => {
  const start = performance.now();
  const { success } = command.outputSync();
  const elapsed = performance.now() - start;
  if (!success) throw new Error("Cannot measure: the command failed");
  return elapsed;
};

/** Interleaved: what slows the machine down for a while slows all of them down. */
const medians = (commands: readonly Deno.Command[]): number[] => {
  const times: number[][] = commands.map(() => []);
  for (let run = -WARM_UPS; run < RUNS; run++) {
    for (const [index, command] of commands.entries()) {
      const elapsed = time(command);
      if (run >= 0) times[index]?.push(elapsed);
    }
  }
  return times.map(median);
};

const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;

/** Measures the built executables, and builds them first if need be. Takes about four seconds. */
export async function startupTable(): Promise<StartupRow[]> {
  const bin = await builtBin();
  const folder = Deno.makeTempDirSync({ prefix: "cleat-bench-" });
  try {
    Deno.writeTextFileSync(`${folder}/empty.js`, "");
    const version = { ...quiet, clearEnv: true, env: { CNI_COMMAND: "VERSION" } };
    const empty = new Deno.Command(Deno.execPath(), { ...quiet, args: ["run", `${folder}/empty.js`] });
    const names = ["bridge", "host-local"];
    const plugins = names.map((name) => new Deno.Command(`${bin}/${name}`, version));
    const [baselineMs = NaN, ...measured] = medians([empty, ...plugins]);
    return measured.map((medianMs, index) => ({
      name: `${names[index]} VERSION`,
      ratio: medianMs / baselineMs,
      medianMs,
      baselineMs,
    }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The table for people: a ratio first, because milliseconds are the machine's. */
export const showStartup = (rows: readonly StartupRow[]): string[] =>
  rows.map(({ name, ratio, medianMs, baselineMs }) =>
    `${name}: ${ratio.toFixed(2)} × an empty script (${medianMs.toFixed(1)} ms : ${baselineMs.toFixed(1)} ms)`
  );

if (import.meta.main) {
  for (const line of showStartup(await startupTable())) Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
