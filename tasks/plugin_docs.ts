/**
 * `deno task plugin-docs`: whether the tables of keys in `docs/plugins/` are those of the schemas. With `--write`, they are
 * made so. A table stands between `<!-- keys -->` and `<!-- /keys -->`.
 */
import type { Plugin } from "../src/engine/plugin.ts";
import { registry } from "../src/plugins/registry.ts";
import { configJsonSchema } from "../src/spec/config_json_schema.ts";
import { isJsonObject, type Json, type JsonObject } from "../src/spec/json.ts";
import { projectRoot } from "./bundle.ts";
import { runTask, say } from "./say.ts";

/** The folder of the pages: `<type>.md`. */
export const PAGES = `${projectRoot}docs/plugins`;

const TABLE = /(<!-- keys -->\n)[^]*?(<!-- \/keys -->)/;

const typeOf = ({ type, enum: values, items }: JsonObject): string =>
  Array.isArray(values)
    ? values.map((value) => `\`"${value}"\``).join(" or ")
    : type === "array" && isJsonObject(items)
    ? `list of ${typeOf(items)}s`
    : typeof type === "string"
    ? type
    : "any";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const rowOf = (path: string, key: JsonObject): string => {
  const standard: Json | undefined = key.default;
  const empty = standard === undefined || JSON.stringify(standard) === "[]";
  const cells = [`\`${path}\``, typeOf(key), empty ? "" : `\`${JSON.stringify(standard)}\``];
  return `| ${[...cells, typeof key.description === "string" ? key.description : ""].map(cell).join(" | ")} |`;
};

/** One row for each key of an object, and for the keys below it. */
function* rowsOf(schema: JsonObject, above = ""): Generator<string> {
  for (const [name, key] of isJsonObject(schema.properties) ? Object.entries(schema.properties) : []) {
    if (!isJsonObject(key)) continue;
    const path = above + name;
    yield rowOf(path, key);
    yield* rowsOf(key, `${path}.`);
    if (isJsonObject(key.items)) yield* rowsOf(key.items, `${path}[].`);
  }
}

/** The names of a plugin's own keys. */
const ownKeys = <C>({ config: { ast } }: Plugin<C>): readonly string[] =>
  ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : [];

/** The schema without the keys that all plugins have, unless the plugin has them as well. */
const ownSchema = <C>(plugin: Plugin<C>): JsonObject => {
  const { properties } = configJsonSchema(plugin.type, plugin.config);
  const keys = ownKeys(plugin);
  const all = isJsonObject(properties) ? Object.entries(properties) : [];
  return { properties: Object.fromEntries(all.filter(([name]) => keys.includes(name))) };
};

/** The table of a plugin's own keys; a sentence where it has none. */
export function keyTable(type: string): string {
  const plugin = registry.get(type);
  if (plugin === undefined) throw new Error(`Cannot describe "${type}": it is no plugin of ours`);
  const rows = [...rowsOf(plugin(ownSchema))];
  if (rows.length === 0) return "It has no keys of its own.\n";
  return `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

/** The page with this table in the place of its own; null where it has no place for one. */
export const withTable = (page: string, table: string): string | null =>
  TABLE.test(page) ? page.replace(TABLE, (_, begin, end) => `${begin}\n${table}\n${end}`) : null;

/** The types of the plugins that have a page. */
export const documented = (): readonly string[] =>
  [...Deno.readDirSync(PAGES)].flatMap(({ name }) => name.endsWith(".md") ? [name.slice(0, -".md".length)] : []).sort();

/** As `deno fmt` writes it: the columns of a table are aligned. */
export async function formatted(page: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "--line-width=120", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.output();
  await new Blob([page]).stream().pipeTo(child.stdin);
  return new TextDecoder().decode((await output).stdout);
}

async function main(): Promise<void> {
  const stale: string[] = [];
  for (const type of documented()) {
    const path = `${PAGES}/${type}.md`;
    const page = Deno.readTextFileSync(path);
    const made = withTable(page, keyTable(type));
    const wanted = made === null ? page : await formatted(made);
    if (wanted === page) continue;
    if (Deno.args.includes("--write")) Deno.writeTextFileSync(path, wanted);
    else stale.push(type);
  }
  if (stale.length > 0) {
    throw new Error(`Cannot go by the pages of ${stale.join(", ")}: run "deno task plugin-docs --write"`);
  }
  say(`${documented().length} pages`);
}

if (import.meta.main) await runTask(main);
