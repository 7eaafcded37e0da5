/**
 * The text of a configuration file: plain JSON, or JSON with comments and trailing commas, and faults that name their
 * place as `file:line:column`. Plain JSON without a fault costs nothing more than `JSON.parse`.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { type ConfFault, dotted, refusalOf } from "./conf_fault.ts";
import { CniCode, type Refused } from "./failure.ts";
import { type Json, jsonOf, tooDeep, tooLong } from "./json.ts";
import { locator, parseJsonc, type Parser, repeatedKeys, topLevelString } from "./jsonc.ts";

/** A fault with its place. */
export interface LocatedFault {
  /** Path of the file. */
  readonly file: string;
  /** From 1; null when the file as a whole is at fault, as one that cannot be read. */
  readonly line: number | null;
  /** In characters, from 1; null where `line` is. */
  readonly column: number | null;
  /** The key, such as `plugins[0].ipam.subnet`; null for syntax errors and for the whole file. */
  readonly key: string | null;
  /** What is wrong, and what was expected. */
  readonly message: string;
}

/** A file that was read. */
export interface ConfDocument {
  /** What it says. */
  readonly value: Json;
  /** The text as it is when it is plain JSON, else the same without comments and trailing commas. */
  readonly plain: string;
}

/** So many faults are told when a file is refused; `cleat validate` tells all. */
const MAX_TOLD = 20;

/** `lab.conflist:3:12: "mtu": "big" is not an integer`: a fault as compilers write it. */
export const faultLine = ({ file, line, column, message }: LocatedFault): string =>
  line === null ? `${file}: ${message}` : `${file}:${line}:${column}: ${message}`;

/** A chunk of its own, which shares nothing with what is loaded anyway. */
const parser: Effect.Effect<Parser> = Effect.promise(() => import("jsonc-parser"));

/**
 * Reads the text of a file. Ends with the syntax errors, of which there is at least one.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { faultLine, readConfText } from "./conf_file.ts";
 * const faults = await Effect.runPromise(Effect.flip(readConfText('{\n  "name": lab\n}', "lab.conf")));
 * if (!faults.map(faultLine)[0]?.startsWith('lab.conf:2:11: "lab" stands where')) throw new Error("line 2, column 11");
 * ```
 */
export const readConfText = (text: string, file: string): Effect.Effect<ConfDocument, readonly LocatedFault[]> =>
  Effect.gen(function* () {
    const long = tooLong(text);
    if (long !== null) return yield* Effect.fail([{ file, line: null, column: null, key: null, message: long }]);
    const value = jsonOf(text);
    const deep = value === undefined ? null : tooDeep(text);
    if (deep !== null) return yield* Effect.fail([{ file, line: 1, column: 1, key: null, message: deep }]);
    if (value !== undefined) return { value, plain: text };
    const read = parseJsonc(yield* parser, text);
    if (read.faults.length === 0) return { value: read.value, plain: JSON.stringify(read.value) };
    return yield* Effect.fail(read.faults.map(({ place, text }) => ({ file, ...place, key: null, message: text })));
  });

/** The places of faults in the text of a file, in the order of the text. */
export const locateFaults = (
  text: string,
  file: string,
  faults: readonly ConfFault[],
): Effect.Effect<readonly LocatedFault[]> =>
  Effect.map(parser, (parser) => {
    const placeOf = locator(parser, text);
    const located = faults.map((fault) => ({
      file,
      ...placeOf(fault),
      key: dotted(fault.path) || null,
      message: fault.text,
    }));
    return located.toSorted((a, b) => a.line - b.line || a.column - b.column);
  });

/** Keys that stand twice in one object of a text. */
export const repeatedKeysIn = (text: string): Effect.Effect<readonly ConfFault[]> =>
  Effect.map(parser, (parser) => repeatedKeys(parser, text));

/** What a file calls its network, as far as that can be seen in a text that may be broken. */
export const nameInText = (text: string): Effect.Effect<string | null> =>
  tooLong(text) === null ? Effect.map(parser, (parser) => topLevelString(parser, text, "name")) : Effect.succeed(null);

/** One refusal for faults of files. */
export const refuseLocated = (faults: readonly LocatedFault[], code: number): Refused =>
  refusalOf(code, faults.slice(0, MAX_TOLD).map(faultLine));

/**
 * Reads the text of a file, and what `read` makes of it. Refused with the places of all faults: code 6 when it is no
 * JSON, with or without comments, else the code of the first fault.
 */
export const readConfFile = <A>(
  text: string,
  file: string,
  read: (document: ConfDocument, report: (fault: ConfFault) => void) => A,
): Effect.Effect<A, Refused> =>
  Effect.gen(function* () {
    const document = yield* Effect.mapError(
      readConfText(text, file),
      (faults) => refuseLocated(faults, CniCode.DECODING_FAILURE),
    );
    const faults: ConfFault[] = [];
    const value = read(document, (fault) => void faults.push(fault));
    const [first] = faults;
    if (first === undefined) return value;
    return yield* refuseLocated(yield* locateFaults(text, file, faults.slice(0, MAX_TOLD)), first.code);
  });
