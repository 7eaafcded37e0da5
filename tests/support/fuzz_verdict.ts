/** What may come of bad input: a value, or a refusal that says where. Never a defect. */
import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { CniCode, type CniFailure } from "../../src/spec/failure.ts";
import { isJsonObject, type Json, jsonOf } from "../../src/spec/json.ts";

/** A value, or the error object. */
export type Verdict<A> = { readonly ok: true; readonly value: A } | {
  readonly ok: false;
  readonly failure: CniFailure;
};

/** Longest `msg` anybody wants to read, in characters. */
const MAX_MSG = 1_000;

/** Throws unless it is one sentence for people, with a code, and prints as one JSON object. */
export function isSentence(failure: CniFailure): void {
  const { code, msg, details } = failure;
  assert(Number.isSafeInteger(code) && code > 0, `code ${code}`);
  assert(code !== CniCode.INTERNAL, `an internal error: ${msg}`);
  assert.match(msg, /^Cannot \w+ |^[\w./-]+(:\d+:\d+)?: /);
  assert(!/\p{Cc}/u.test(msg), "a control character: the message can be cut, or forge another line");
  assert.doesNotMatch(msg, /undefined|\[object |NaN is not|at .*\.ts:\d+/, "words of the program, not of people");
  assert(msg.length <= MAX_MSG, `a message of ${msg.length} characters: ${msg.slice(0, 100)}`);
  assert.deepEqual(JSON.parse(JSON.stringify({ code, msg })), { code, msg });
  assert(details === undefined || typeof details === "string");
}

/** How an exit reads. Throws for a defect: what is thrown inside, but for a refusal, is one. */
export function verdictOf<A, E extends { readonly message: string }>(
  exit: Exit.Exit<A, E>,
  failureOf: (error: E) => CniFailure,
): Verdict<A> {
  if (Exit.isSuccess(exit)) return { ok: true, value: exit.value };
  for (const reason of exit.cause.reasons) assert(reason._tag === "Fail", Cause.pretty(exit.cause));
  const error = Cause.findErrorOption(exit.cause);
  assert(error._tag === "Some", Cause.pretty(exit.cause));
  const failure = failureOf(error.value);
  isSentence(failure);
  return { ok: false, failure };
}

/** Runs what refuses with an error object. */
export const settle = <A, E extends CniFailure & { readonly message: string }>(
  effect: Effect.Effect<A, E>,
): Verdict<A> =>
  verdictOf(
    Effect.runSyncExit(effect),
    ({ code, msg, details }) => details === undefined ? { code, msg } : { code, msg, details },
  );

/** Throws unless both are the same JSON; -0 is 0 there. */
export const sameJson = (actual: unknown, expected: unknown, what?: string): void =>
  assert.deepEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(expected)), what);

const fold = (text: string): string => text.toLowerCase().replaceAll("ſ", "s");

/** Every key, and every scalar as JSON, of a value. */
function wordsOf(value: Json, words = { keys: new Set<string>(), values: new Set<string>() }) {
  if (Array.isArray(value)) {
    for (const item of value) wordsOf(item, words);
  } else if (isJsonObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      words.keys.add(fold(key));
      wordsOf(child, words);
    }
  } else words.values.add(fold(typeof value === "string" ? value : JSON.stringify(value)));
  return words;
}

/**
 * The keys that a path such as `plugins[0].capabilities.a.b` may end in, for keys may hold dots; and its first, of which
 * the last may be missing.
 */
const namesIn = (path: string): string[] => {
  const names = path.replaceAll(/\[\d+\]/g, "").split(".");
  return [names[0] ?? "", ...names.map((_, from) => names.slice(from).join("."))].map(fold);
};

/**
 * Throws unless the failure names its place: a quoted path that ends in a key of the document, a value of it, or a key
 * that is missing from it.
 */
export function namesPlace({ msg, details = "" }: CniFailure, document: Json): void {
  const { keys, values } = wordsOf(document);
  const words = `${msg}; ${details}`;
  if (
    !isJsonObject(document) &&
    /"the whole"|the configuration|the (whole )?result|it is an? \w+, not an object/.test(words)
  ) return;
  if (/it is missing|is missing,|: null is not |\bmissing\b|must hold|\bno range\b/.test(words)) return;
  const quoted = [...words.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([whole, text = ""]) => {
    const value = jsonOf(whole);
    return typeof value === "string" ? value : text;
  });
  const named = quoted.some((text) => namesIn(text).some((name) => keys.has(name)) || values.has(fold(text)));
  const valued = [...values].some((value) => value !== "" && fold(words).includes(value.slice(0, 20)));
  assert(named || valued, `neither key nor value is named: ${words.slice(0, 300)}`);
}
