/** What became of the numbered tests in a run, out of `deno test --junit-path`. */
import { itemsOf } from "./named_tests.ts";

/** How a test ended. */
export type Outcome = "passed" | "skipped" | "failed";

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

const unescape = (text: string): string =>
  text.replace(
    /&(?:#(\d+)|(\w+));/g,
    (whole, code: string | undefined, name: string | undefined) =>
      code === undefined ? ENTITIES[name ?? ""] ?? whole : String.fromCodePoint(Number(code)),
  );

const TESTCASE = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** For each item, how the tests that carry its number ended. */
export function outcomesOf(junit: string): ReadonlyMap<string, readonly Outcome[]> {
  const outcomes = new Map<string, Outcome[]>();
  for (const [, name = "", body = ""] of junit.matchAll(TESTCASE)) {
    const outcome = body.includes("<skipped") ? "skipped" : /<(failure|error)\b/.test(body) ? "failed" : "passed";
    for (const id of itemsOf(unescape(name))) outcomes.set(id, [...(outcomes.get(id) ?? []), outcome]);
  }
  return outcomes;
}
