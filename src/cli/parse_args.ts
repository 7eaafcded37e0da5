/**
 * Command line options, in the interface of `@std/cli/parse-args`, over Node's tokenizer.
 *
 * Where it differs from the original: values and positionals stay strings; an option that was not declared never
 * consumes the next argument; a boolean never does (write `--color=false`); there are no dotted keys.
 * Loading it costs about 5 ms (`node:util`), so only the operator command does.
 */
import { parseArgs as tokenize } from "node:util";

/** What to look for. `S`, `B` and `C` are inferred: the string, boolean and collected options. */
export interface ParseOptions<S extends string, B extends string, C extends S> {
  /** Options with a value. */
  readonly string?: readonly S[];
  /** Options without one; false when absent. */
  readonly boolean?: readonly B[];
  /** String options that may be repeated; an array, empty when absent. */
  readonly collect?: readonly C[];
  /** Booleans that `--no-<name>` sets to false. */
  readonly negatable?: readonly NoInfer<B>[];
  /** Other names of an option; a name of one letter is a short option. */
  readonly alias?: Readonly<Partial<Record<NoInfer<S | B>, string | readonly string[]>>>;
  /** Values of absent options. */
  readonly default?: Readonly<Partial<Record<NoInfer<S>, string | readonly string[]> & Record<NoInfer<B>, boolean>>>;
  /** Everything from the first positional on is positional: for commands that wrap commands. */
  readonly stopEarly?: boolean;
  /** Put what follows `--` into `"--"` instead of `_`. */
  readonly "--"?: boolean;
  /** Called for positionals (without `key`) and for options that were not declared; `false` drops the argument. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What was found: one key per declared option, positionals in `_`. */
export type Args<S extends string, B extends string, C extends S> =
  & { readonly [K in S]: K extends C ? string[] : string | undefined }
  & { readonly [K in B]: boolean }
  & { readonly _: string[]; readonly "--"?: string[] };

type Declared = ParseOptions<string, string, string>;

/** Every name of every declared option, with the name it is declared under and its type. */
const namesOf = (options: Declared): Map<string, { readonly key: string; readonly type: "string" | "boolean" }> => {
  const names = new Map<string, { key: string; type: "string" | "boolean" }>();
  for (const type of ["string", "boolean"] as const) {
    for (const key of options[type] ?? []) {
      for (const name of [key, ...[options.alias?.[key] ?? []].flat()]) names.set(name, { key, type });
    }
  }
  return names;
};

const absentValues = (options: Declared): Record<string, unknown> => ({
  ...Object.fromEntries((options.boolean ?? []).map((key) => [key, false])),
  ...Object.fromEntries((options.collect ?? []).map((key) => [key, []])),
  ...options.default,
});

const tokensOf = (args: readonly string[], names: ReturnType<typeof namesOf>) => {
  const declared = [...names].map(([name, { type }]) =>
    [name, { type, multiple: true, ...(name.length === 1 ? { short: name } : {}) }] as const
  );
  return tokenize({
    args: [...args],
    options: Object.fromEntries(declared),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
};

/** Sorts what stands before `--`. */
const scan = (args: readonly string[], options: Declared) => {
  const names = namesOf(options);
  const found = new Map<string, string | boolean | string[]>();
  const undeclared: Record<string, unknown> = {}, positionals: string[] = [];
  for (const token of tokensOf(args, names)) {
    if (token.kind === "option-terminator") continue; // cannot be: the caller cut it off
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) !== false) positionals.push(token.value);
      if (!options.stopEarly) continue;
      return { found, undeclared, positionals: [...positionals, ...args.slice(token.index + 1)] };
    }
    const written = token.rawName.replace(/^--?/, "");
    const positive = names.get(written.replace(/^no-/, ""));
    const negated = written.startsWith("no-") && positive !== undefined && options.negatable?.includes(positive.key);
    const option = negated ? positive : names.get(token.name);
    if (option === undefined) {
      const value = token.value ?? true;
      if (options.unknown?.(args[token.index] ?? token.rawName, written, value) !== false) undeclared[written] = value;
    } else if (option.type === "boolean") found.set(option.key, !negated && token.value !== "false");
    else if (!options.collect?.includes(option.key)) found.set(option.key, token.value ?? "");
    else found.set(option.key, [...[found.get(option.key) ?? []].flat().map(String), token.value ?? ""]);
  }
  return { found, undeclared, positionals };
};

/**
 * Parses command line arguments. Never throws; what it does not know goes to `unknown`.
 *
 * @example
 * ```ts
 * import { parseArgs } from "./parse_args.ts";
 *
 * const args = parseArgs(["log", "--limit=5", "-v"], { string: ["limit"], boolean: ["verbose"], alias: { verbose: "v" } });
 * if (args.limit !== "5" || !args.verbose || args._[0] !== "log") throw new Error("not parsed");
 * ```
 */
export function parseArgs<
  const S extends string = never,
  const B extends string = never,
  const C extends S = never,
>(args: readonly string[], options: ParseOptions<S, B, C> = {}): Args<S, B, C> {
  const declared = options as Declared;
  const end = args.indexOf("--");
  const rest = end < 0 ? [] : args.slice(end + 1);
  const { found, undeclared, positionals } = scan(end < 0 ? args : args.slice(0, end), declared);
  const values = { ...undeclared, ...absentValues(declared), ...Object.fromEntries(found) };
  const result = options["--"]
    ? { ...values, _: positionals, "--": rest }
    : { ...values, _: [...positionals, ...rest] };
  return result as Args<S, B, C>;
}
