/**
 * `deno run -A tasks/doc_lint.ts`: `deno doc --lint` of the library, which takes what it finds in an npm package for
 * private. Those complaints are left out; every other one is an error.
 */
import { deno, projectRoot } from "./bundle.ts";
import { runTask, say } from "./say.ts";

/** Whether a file of ours has that text in that line (from 1). */
export type IsOurs = (line: number, text: string) => boolean;

/** The line that a private-type-ref shows of the type it complains of; the report does not name its file. */
const REFERENCED = /= hint: make the referenced type public.*\n\s*\|\s*\n\s*(\d+) \| (.*)\n/;

/** The complaints of a report that are not about types of packages. Anything else that is an error is one of them. */
export function ownFaults(report: string, isOurs: IsOurs): readonly string[] {
  const complaints = report.split(/^(?=error\b)/m).filter((part) => part.startsWith("error"));
  return complaints.filter((complaint) => {
    if (/^error: Found \d+ documentation lint errors?\./.test(complaint)) return false;
    const [, line, text] = REFERENCED.exec(complaint) ?? [];
    return line === undefined || text === undefined || isOurs(Number(line), text);
  }).map((complaint) => complaint.trimEnd());
}

const typescriptFiles = (folder: string): readonly string[] =>
  [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? typescriptFiles(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
  );

/** What the lint says against `entry`, whose own files are given. */
async function lint(entry: string, files: readonly string[]): Promise<readonly string[]> {
  const sources = files.map((file) => Deno.readTextFileSync(file).split("\n"));
  const isOurs: IsOurs = (line, text) => sources.some((lines) => lines[line - 1] === text);
  try {
    await deno(["doc", "--lint", entry]);
    return [];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const report = error.message.replace(/^deno doc failed: /, "");
    if (!report.startsWith("error")) throw error;
    return ownFaults(report, isOurs);
  }
}

if (import.meta.main) {
  await runTask(async () => {
    const entry = `${projectRoot}mod.ts`;
    const faults = await lint(entry, [entry, ...typescriptFiles(`${projectRoot}src`)]);
    if (faults.length > 0) throw new Error(faults.join("\n\n"));
    say("Every symbol of mod.ts is documented, and every type it mentions is exported");
  });
}
