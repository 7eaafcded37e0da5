/**
 * `deno task bench [section…] [--quick] [--json] [--write] [--record]`: Cleat beside Go's plugins, its kernel requests and
 * itself. Results and charts go to bench/results/; needs root, and touches nothing but namespaces and folders of its own.
 */
import { parseArgs } from "@std/cli/parse-args";
import { deno, projectRoot } from "../tasks/bundle.ts";
import { complain, runTask, say } from "../tasks/say.ts";
import { builtBin } from "../tests/support/built.ts";
import { can } from "../tests/support/capabilities.ts";
import { judge, readStandards, recorded, type Standards, writeStandards } from "./bounds.ts";
import { fillIn } from "./page.ts";
import { isSection, SECTIONS } from "./sections.ts";
import { chart } from "./svg.ts";
import type { Table } from "./table.ts";
import { pageTable, tableLines } from "./words.ts";

const USAGE = `deno task bench [section…] [options]

sections: ${Object.keys(SECTIONS).join(", ")} (all by default)

  --quick   the short form: fails when a ratio falls behind its bound in bench/bounds.json by more than its noise
  --json    the results as JSON on stdout, instead of tables
  --record  with --quick: today's ratios become the bounds
  --write   not with --quick: puts tables and charts into docs/performance.md

CLEAT_BENCH_PEER names the folder of Go's plugins; /usr/lib/cni by default.`;

const RESULTS = `${projectRoot}bench/results`;
const PAGE = `${projectRoot}docs/performance.md`;
const CHARTS = `${projectRoot}docs/performance`;

/** What is to be done. */
interface Wanted {
  readonly sections: readonly string[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly record: boolean;
  readonly write: boolean;
}

function wanted(args: string[]): Wanted {
  const unknown = (arg: string, key?: string): void => {
    if (key !== undefined) throw new Error(`Cannot understand "${arg}"\n\n${USAGE}`);
  };
  const options = parseArgs(args, { boolean: ["quick", "json", "record", "write", "help"], unknown });
  const sections = options._.length === 0 ? Object.keys(SECTIONS) : options._;
  const strange = sections.find((name) => !isSection(name));
  if (options.help || strange !== undefined) {
    throw new Error(
      strange === undefined ? USAGE : `Cannot measure "${strange}": there is no such section\n\n${USAGE}`,
    );
  }
  if (options.write && options.quick) throw new Error("Cannot write the page from the short form: leave --quick out");
  if (options.record && !options.quick) {
    throw new Error("Cannot record bounds: they are those of the short form, --quick");
  }
  const { quick, json, record, write } = options;
  return { sections, quick, json, record, write };
}

/** The folder of Go's plugins, or null. One that is named must be there. */
function peerFolder(): string | null {
  const named = Deno.env.get("CLEAT_BENCH_PEER");
  if (!named) return can.peer;
  Deno.statSync(`${named}/bridge`);
  return named;
}

/** Where sections keep logs and leases: in memory, for what a new file costs on a disk depends on what was deleted before. */
const MEMORY = "/dev/shm";

const isFolder = (path: string): boolean => {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
};

/** Runs a section in a process of its own. */
async function measure(id: string, quick: boolean, peer: string | null): Promise<Table> {
  const script = `${projectRoot}bench/run_section.ts`;
  const args = ["run", "-A", script, id, quick ? "quick" : "full", ...(peer === null ? [] : [peer])];
  const TMPDIR = Deno.makeTempDirSync({ prefix: "cleat-bench-", ...(isFolder(MEMORY) ? { dir: MEMORY } : {}) });
  try {
    const options = { args, env: { TMPDIR }, stdin: "null", stderr: "inherit" } as const;
    const { success, stdout } = await new Deno.Command(Deno.execPath(), options).output();
    if (!success) throw new Error(`Cannot measure "${id}"`);
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    Deno.removeSync(TMPDIR, { recursive: true });
  }
}

/** Where it ran: milliseconds are the machine's. */
const machine = (peer: string | null) => ({
  cpus: navigator.hardwareConcurrency,
  kernel: Deno.osRelease(),
  deno: Deno.version.deno,
  peer,
  load: Deno.loadavg()[0] ?? 0,
});

/** Puts the tables into the page, and their charts beside it. */
async function writePage(tables: readonly Table[], standards: Standards, where: string): Promise<void> {
  Deno.mkdirSync(CHARTS, { recursive: true });
  let page = fillIn(Deno.readTextFileSync(PAGE), "machine", [where]);
  for (const table of tables) {
    Deno.writeTextFileSync(`${CHARTS}/${table.id}.svg`, chart(table));
    const lines = [...pageTable(table, standards), "", `![${table.title}](performance/${table.id}.svg)`];
    page = fillIn(page, table.id, lines);
  }
  Deno.writeTextFileSync(PAGE, page);
  await deno(["fmt", "--quiet", PAGE]);
}

/** Measures, shows and keeps the results. */
async function bench({ sections, quick, json, record, write }: Wanted): Promise<void> {
  if (!can.netns || !can.bridge || !can.veth || !can.nft || !can.ip) {
    throw new Error("Cannot measure: root, ip, nft, and a kernel with bridge and veth are needed");
  }
  const peer = peerFolder();
  const where = machine(peer);
  if (peer === null) complain("Go's plugins are not here (CLEAT_BENCH_PEER): there is nothing beside ours");
  if (where.load > where.cpus / 2) {
    complain(`The machine is busy (load ${where.load.toFixed(1)}): trust the ratios only`);
  }
  await builtBin();
  const standards = readStandards();
  const tables: Table[] = [];
  Deno.mkdirSync(RESULTS, { recursive: true });
  for (const id of sections) {
    const table = await measure(id, quick, peer);
    tables.push(table);
    Deno.writeTextFileSync(`${RESULTS}/${id}.svg`, chart(table));
    if (!json) { for (const line of tableLines(table, standards)) say(line); }
  }
  const results = JSON.stringify({ at: new Date().toISOString(), quick, machine: where, tables });
  Deno.writeTextFileSync(`${RESULTS}/results.json`, `${results}\n`);
  if (json) say(results);
  const rows = tables.flatMap((table) => table.rows);
  if (record) writeStandards(recorded(rows, standards));
  if (write) {
    const { cpus, kernel, deno: version } = where;
    await writePage(tables, standards, `Measured with ${cpus} processors, Linux ${kernel} and Deno ${version}.`);
  }
  if (!quick || record) return;
  const broken = await stillBroken(brokenRows(tables, standards), standards, peer);
  if (broken.length > 0) throw new Error(`Slower than recorded by more than the noise: ${broken.join(", ")}`);
}

const brokenRows = (tables: readonly Table[], standards: Standards): readonly string[] =>
  tables.flatMap(({ rows }) => rows).filter((row) => judge(row, standards)?.held === false).map(({ id }) => id);

/** How often a section is measured before a row of it counts as slower: a busy moment is no regression. */
const ATTEMPTS = 3;

/** The rows that are behind their bounds whenever they are measured. */
async function stillBroken(
  rows: readonly string[],
  standards: Standards,
  peer: string | null,
): Promise<readonly string[]> {
  let broken = rows;
  for (let attempt = 2; broken.length > 0 && attempt <= ATTEMPTS; attempt++) {
    complain(`Slower than recorded: ${broken.join(", ")}; measured once more`);
    const sections = Object.keys(SECTIONS).filter((id) => broken.some((row) => row.startsWith(`${id}.`)));
    const tables: Table[] = [];
    for (const id of sections) tables.push(await measure(id, true, peer));
    const again = new Set(brokenRows(tables, standards));
    broken = broken.filter((row) => again.has(row));
  }
  return broken;
}

await runTask(() => bench(wanted(Deno.args)));
