/** How the story is told: headings, commands as a person types them, and what must be true after each. */
import { say } from "../say.ts";

/** Longest line of a shown output, in characters. */
const WIDTH = 116;

/** What a command did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A step did not do what the story says. */
export class Untrue extends Error {
  override readonly name = "Untrue";
}

let step = 0;

/** The number of the step under way, for messages. */
export const currentStep = (): number => step;

/** Begins the next step. */
export const heading = (title: string): void => say(`\n${++step}. ${title}`);

/** A sentence of the story. */
export const tell = (sentence: string): void => say(`   ${sentence}`);

/** Breaks a line between words; the parts that follow are indented. */
function wrap(line: string): readonly string[] {
  const indent = `${/^ */.exec(line)?.[0] ?? ""}    `;
  const parts: string[] = [];
  let rest = line;
  while (rest.length > WIDTH) {
    const space = rest.lastIndexOf(" ", WIDTH);
    const at = space > indent.length ? space : WIDTH;
    parts.push(rest.slice(0, at));
    rest = indent + rest.slice(at).trimStart();
  }
  return [...parts, rest];
}

/** Output of a command, in lines that fit a screen. */
export const show = (text: string): void => {
  for (const line of text.trimEnd().split("\n").flatMap(wrap)) say(`     ${line}`);
};

/** Lines of a program that uses the library. */
export const code = (...lines: readonly string[]): void => {
  for (const line of lines) say(`   > ${line}`);
};

/** Stops the story unless `truth` holds; `expectation` says what it promised, `found` what is the case. */
export function must(truth: boolean, expectation: string, found: unknown): asserts truth {
  if (!truth) {
    throw new Untrue(`${expectation}, but found: ${typeof found === "string" ? found : JSON.stringify(found)}`);
  }
}

/** Runs a shell command without showing it. */
export async function quietly(command: string): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command], stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Shows a shell command and runs it; it must end with `status`. Its output is for the caller to show. */
export async function type(command: string, status = 0): Promise<Ran> {
  say(`   $ ${command}`);
  const ran = await quietly(command);
  must(
    ran.code === status,
    `"${command}" ends with status ${status}`,
    `status ${ran.code}: ${ran.stderr || ran.stdout}`,
  );
  return ran;
}

/** The time a promise takes, with its value; in whole milliseconds. */
export async function timed<A>(run: () => Promise<A>): Promise<{ readonly value: A; readonly ms: number }> {
  const start = performance.now();
  const value = await run();
  return { value, ms: Math.round(performance.now() - start) };
}
