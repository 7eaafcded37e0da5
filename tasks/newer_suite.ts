/**
 * `deno task newer-suite [--update]`: unpacks the newest release of Go's plugins and of libcni that Debian has, from
 * its unstable distribution, so that tests can run beside them; nothing is installed. apt verifies what it downloads,
 * by an index of its own, which is kept with the releases. With `--update` a release that is there does not do.
 * Where the release cannot be had, one sentence tells why, and the tests that need it are skipped.
 */
import { type NewerSuite, newerSuite, suiteCache, suiteIn } from "../tests/support/newer_suite.ts";
import { complain, runTask, say } from "./say.ts";
import { findTool, output } from "./vm/tools.ts";

const PLUGINS = "containernetworking-plugins";
const LIBCNI = "golang-github-appc-cni-dev";
const SOURCE =
  "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian unstable main\n";

/** The oldest Go that compiles libcni 1.3 (its go.mod). */
const MINIMUM_GO = 21;

/** How long downloading may take, in milliseconds. */
const DOWNLOAD_LIMIT = 180_000;

/** apt with an index, a list of sources and a cache in `folder`, and without what is installed. */
const aptOptions = (folder: string): readonly string[] => {
  const settings = {
    "Dir::Etc::SourceList": `${folder}/sources.list`,
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": "-",
    "Dir::Etc::PreferencesParts": "-",
    "Dir::State": `${folder}/state`,
    "Dir::State::status": "/dev/null",
    "Dir::Cache": `${folder}/cache`,
    "Acquire::Languages": "none",
    "APT::Sandbox::User": "root",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
};

/** What apt's index tells of a package. */
type Shown = (name: string) => Promise<string>;

const fieldOf = (shown: string, field: string): string =>
  new RegExp(`^${field}: (.*)$`, "m").exec(shown)?.[1]?.trim() ?? "";

/** Brings the index up to date; answers how to ask it, and its apt options. */
async function index(): Promise<{ readonly shown: Shown; readonly options: readonly string[] }> {
  const folder = `${suiteCache()}/apt`;
  for (const name of ["state/lists/partial", "cache/archives/partial"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${folder}/sources.list`, SOURCE);
  const options = aptOptions(folder);
  await output(findTool("apt-get", "apt"), [...options, "-q", "update"], { limit: DOWNLOAD_LIMIT });
  const shown = (name: string) => output(findTool("apt-cache", "apt"), [...options, "show", "--no-all-versions", name]);
  return { shown, options };
}

/** Whether the compiler that is installed is new enough. */
const hasGo = (): boolean => {
  try {
    const [, minor] = /^go1\.(\d+)/.exec(Deno.readTextFileSync("/usr/lib/go/VERSION")) ?? [];
    return Number(minor) >= MINIMUM_GO;
  } catch {
    return false;
  }
};

/** Debian's packages of a Go compiler, where the installed one is too old. */
const compilerPackages = async (shown: Shown): Promise<readonly string[]> => {
  if (hasGo()) return [];
  const [, name] = /\b(golang-[\d.]+)-go\b/.exec(fieldOf(await shown("golang-go"), "Depends")) ?? [];
  return name === undefined ? [] : [`${name}-go`, `${name}-src`];
};

/** Downloads and unpacks; the root is there when all of it is. */
async function unpack(root: string, packages: readonly string[], options: readonly string[]): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: suiteCache(), prefix: "unfinished-" });
  try {
    const apt = findTool("apt-get", "apt");
    await output(apt, [...options, "-q", "download", ...packages], { cwd: folder, limit: DOWNLOAD_LIMIT });
    const archives = [...Deno.readDirSync(folder)].map(({ name }) => name);
    for (const archive of archives) {
      await output(findTool("dpkg", "dpkg"), ["-x", archive, "root"], { cwd: folder });
    }
    await Deno.remove(`${folder}/root/usr/share/doc`, { recursive: true });
    await Deno.chmod(`${folder}/root`, 0o755);
    await Deno.rename(`${folder}/root`, root);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The newest release, fetched where it is not here. */
async function fetchNewest(): Promise<NewerSuite | null> {
  const { shown, options } = await index();
  const versions = [];
  for (const name of [PLUGINS, LIBCNI]) versions.push(fieldOf(await shown(name), "Version").replaceAll(":", "%3a"));
  const root = `${suiteCache()}/${versions.join("_")}`;
  if (suiteIn(root) === null) await unpack(root, [PLUGINS, LIBCNI, ...await compilerPackages(shown)], options);
  return suiteIn(root);
}

async function main(): Promise<void> {
  const had = newerSuite();
  if (had === null || Deno.args.includes("--update")) {
    try {
      await fetchNewest();
    } catch (error) {
      complain(`Cannot fetch a newer suite of Go's: ${error instanceof Error ? error.message : error}`);
    }
  }
  const suite = newerSuite();
  if (suite === null) return;
  say(`Go's plugins ${suite.release} are in ${suite.plugins}`);
  const { builtLibcni, newerLibcni } = await import("../tests/support/libcni.ts"); // it looks for the release when loaded
  if (newerLibcni.missing === null) say(`${newerLibcni.name} is ${await builtLibcni(newerLibcni)}`);
}

if (import.meta.main) await runTask(main);
