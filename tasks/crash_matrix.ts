/**
 * `deno task crash-matrix`: processes die everywhere, hosts recover in every way, and docs/crash-matrix.md tells of it.
 * Takes some minutes. `--sample`: some of the deaths only, and the rows of the page are compared instead of written.
 */
import { builtBin } from "../tests/support/built.ts";
import { bundle, deno, projectRoot } from "./bundle.ts";
import { PAGE, renderPage, rowsOf } from "./crash_matrix/page.ts";
import { residueOf, type Share } from "./crash_matrix/report.ts";
import type { RandomKills } from "./crash_matrix/random.ts";
import { cuts } from "./crash_matrix/scenarios.ts";
import { cutEverywhere, type CutLog } from "./crash_matrix/truncated.ts";
import { privateWorld, type World } from "./isolate.ts";
import { runTask, say } from "./say.ts";

/** Processes at once: as many as there usually are processors. */
const WORKERS = 2;

/** Killed at random. */
const ROUNDS = 200;
const SAMPLE_ROUNDS = 8;

const WORKER = "tasks/crash_matrix/worker.ts";
const KILLER = "tasks/crash_matrix/killer.ts";

/** Runs a program in a private world; answers what it prints. */
async function inside<A>(world: World, program: string, args: readonly string[]): Promise<A> {
  const [first = "", ...prefix] = world.prefix;
  const command = [...prefix, Deno.execPath(), "run", "--quiet", "--cached-only", "-A", `${projectRoot}${program}`];
  const child = new Deno.Command(first, {
    args: [...command, ...args],
    cwd: projectRoot,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`Cannot finish the matrix: ${program} failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const merged = (shares: readonly Share[]): Share => ({
  steps: shares[0]?.steps ?? [],
  deaths: shares.flatMap(({ deaths }) => deaths),
  disks: shares.flatMap(({ disks }) => disks),
  lost: shares.flatMap(({ lost }) => lost),
});

/** Rows that the page has and the steps have not, and the other way round. */
function outdated(share: Share): readonly string[] {
  const rows = share.steps.flatMap((steps) => rowsOf(steps));
  const page = Deno.readTextFileSync(`${projectRoot}${PAGE}`).split("\n");
  const missing = rows.filter((row) => !page.some((line) => line.startsWith(row)));
  const there = page.filter((line) => /^\| \d+ \|/.test(line));
  const gone = there.filter((line) => !rows.some((row) => line.startsWith(row)));
  return [
    ...missing.map((row) => `${PAGE} has no row ${row}`),
    ...gone.map((line) => `${PAGE} has a row of old: ${line}`),
  ];
}

/** Everything, in private worlds; answers what the page is made of. */
async function run(world: World, script: string, isSample: boolean) {
  const rounds = isSample ? SAMPLE_ROUNDS : ROUNDS;
  const workers = isSample ? 1 : WORKERS;
  const args = (n: number) => [script, String(n), String(workers), isSample ? "sample" : "all"];
  const shares = await Promise.all(
    Array.from({ length: workers }, (_, n) => inside<Share>(world, WORKER, args(n))),
  );
  const { killed, left } = await inside<RandomKills>(world, KILLER, [await builtBin(), String(rounds)]);
  const cutLogs: CutLog[] = [];
  for (const cut of isSample ? cuts.slice(1, 2) : cuts) cutLogs.push(await cutEverywhere(cut));
  const none = killed === 0 ? ["no executable was killed in time"] : [];
  return { share: merged(shares), rounds, inTime: killed, killed: [...left, ...none], cuts: cutLogs };
}

await runTask(async () => {
  const isSample = Deno.args.includes("--sample");
  const world = privateWorld();
  if (world === null) {
    throw new Error("Cannot run the matrix: it needs namespaces of its own, as root or with user namespaces allowed");
  }
  await deno(["cache", "--quiet", WORKER, KILLER]);
  const folder = await Deno.makeTempDir({ prefix: "crash-matrix-" });
  try {
    await bundle(`${projectRoot}tests/support/dying_door.ts`, folder);
    const found = await run(world, `${folder}/dying_door.js`, isSample);
    const wrong = [
      ...residueOf(found.share),
      ...found.killed,
      ...found.cuts.flatMap(({ plugin, left }) => left.map((line) => `log of ${plugin}, ${line}`)),
      ...isSample ? outdated(found.share) : [],
    ];
    if (!isSample) await Deno.writeTextFile(`${projectRoot}${PAGE}`, renderPage(found));
    const { share, rounds, inTime } = found;
    say(`${share.deaths.length} deaths, ${inTime} of ${rounds} random kills in time, ${share.disks.length} full disks`);
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    say("residue 0");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
