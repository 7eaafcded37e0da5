/**
 * `deno task conformance`: runs the tests that carry numbers of the checklist and says how much of the specification,
 * of what libcni does, and of what the tests of Go's plugins show, they prove; fails when that is less than the targets.
 * `deno task conformance --write`: writes docs/conformance.md anew, out of the sources.
 */
import { projectRoot } from "./bundle.ts";
import { type Item, parseChecklist, parseScenarios, type Section } from "./conformance/checklist.ts";
import { FILTER, type NamedTest, namedTests } from "./conformance/named_tests.ts";
import { type Outcome, outcomesOf } from "./conformance/outcomes.ts";
import { PAGE, renderPage } from "./conformance/page.ts";
import { type Score, scores, type Standing, standingOf } from "./conformance/score.ts";
import { complain, runTask, say } from "./say.ts";

const CHECKLIST = "tests/conformance/checklist.txt";

/** One list for each plugin. */
const SCENARIOS = "tests/conformance/scenarios";

/** Tests of the tasks, which quote numbered names and prove nothing of the checklist. */
const TASKS = "tests/unit/tasks/";

/** The paths of all files with tests below a folder, sorted. */
const testFiles = (folder: string): readonly string[] =>
  [...Deno.readDirSync(`${projectRoot}${folder}`)]
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) =>
      isDirectory ? testFiles(`${folder}/${name}`) : name.endsWith("_test.ts") ? [`${folder}/${name}`] : []
    );

/** The scenarios of every plugin that has a list, sorted by its name. */
const readScenarios = (): readonly Section[] =>
  [...Deno.readDirSync(`${projectRoot}${SCENARIOS}`)].map(({ name }) => name).sort().map((name) =>
    parseScenarios(name.replace(/\.txt$/, ""), Deno.readTextFileSync(`${projectRoot}${SCENARIOS}/${name}`))
  );

/** All lists, and the tests that carry their numbers; throws when one carries a number that no list has. */
export function readSources(): { readonly sections: readonly Section[]; readonly tests: readonly NamedTest[] } {
  const sections = [...parseChecklist(Deno.readTextFileSync(`${projectRoot}${CHECKLIST}`)), ...readScenarios()];
  const files = testFiles("tests").filter((file) => !file.startsWith(TASKS));
  const tests = files.flatMap((file) => namedTests(file, Deno.readTextFileSync(`${projectRoot}${file}`)));
  const known = new Set(sections.flatMap(({ items }) => items.map(({ id }) => id)));
  for (const { items, file } of tests) {
    const unknown = items.find((id) => !known.has(id));
    if (unknown !== undefined) throw new Error(`Cannot trace a test of ${file}: no list has ${unknown}`);
  }
  return { sections, tests };
}

/** The page as the sources would have it now. */
export function currentPage(): string {
  const { sections, tests } = readSources();
  return renderPage(sections, tests);
}

/** How the numbered tests ended, and whether the run as a whole did well. */
interface Run {
  readonly outcomes: ReadonlyMap<string, readonly Outcome[]>;
  readonly success: boolean;
}

/** Runs the numbered tests where all tests run. */
async function runTests(): Promise<Run> {
  const junit = await Deno.makeTempFile({ prefix: "conformance-", suffix: ".xml" });
  try {
    const args = ["run", "-A", "tasks/test.ts", `--filter=${FILTER}`, `--junit-path=${junit}`];
    const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: projectRoot }).spawn().status;
    const outcomes = outcomesOf(await Deno.readTextFile(junit));
    if (outcomes.size === 0) throw new Error("No test ran");
    return { outcomes, success };
  } finally {
    await Deno.remove(junit);
  }
}

const scoreLine = ({ tag, share, tested, differing, total, reached }: Score): string =>
  `[${tag}] ${tested + differing} of ${total} (${tested} tested, ${differing} different for a reason), ` +
  `${share} % asked${reached ? "" : ": MISSED"}`;

/** The items of one standing, where there are any. */
function list(title: string, standing: Standing, items: readonly (readonly [Item, Standing])[]): void {
  const found = items.filter(([, its]) => its === standing).map(([item]) => item);
  if (found.length === 0) return;
  say(`\n${title}`);
  for (const { id, tag, words, excuse } of found) {
    say(
      `  ${id} ${tag === "-" || tag === "P" ? "" : `[${tag}] `}${words}${excuse === null ? "" : `: ${excuse.reason}`}`,
    );
  }
}

async function report(): Promise<void> {
  const { sections } = readSources();
  const { outcomes, success } = await runTests();
  const standing = (item: Item) => standingOf(item, outcomes.get(item.id) ?? []);
  const all = sections.flatMap(({ items }) => items).map((item) => [item, standing(item)] as const);
  const counted = all.filter(([{ tag }]) => tag !== "R" && tag !== "-");
  list("Different for a reason:", "differs", counted);
  list("Does not apply:", "not here", counted);
  list(
    "Neither counted nor tested (real runtimes, repeated scenarios):",
    "open",
    all.filter((one) => !counted.includes(one)),
  );
  list("Skipped on this machine:", "skipped", all);
  list("Failed:", "failed", all);
  list("Without a test:", "open", counted);
  const results = scores(sections, standing);
  say("");
  for (const score of results) say(scoreLine(score));
  if (!success) complain("Some of the tests failed");
  if (!success || results.some(({ reached }) => !reached)) Deno.exit(1);
}

if (import.meta.main) {
  await runTask(async () => {
    if (!Deno.args.includes("--write")) return await report();
    const page = currentPage();
    await Deno.mkdir(`${projectRoot}docs`, { recursive: true });
    await Deno.writeTextFile(`${projectRoot}${PAGE}`, page);
    say(`${PAGE} is written`);
  });
}
