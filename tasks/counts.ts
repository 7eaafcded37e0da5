/** Runs of `deno test`: what they print is passed through, and counted. */

/** How many tests passed, failed and were skipped. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The counts of two runs together. */
export const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The last line of a run, which .ci/run reads. */
export const summary = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;

/** Passes output through, and keeps it. `onText` hears of each piece first. */
export const tee = async (from: ReadableStream<Uint8Array>, onText: () => void = () => {}): Promise<string> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of from) {
    onText();
    for (let at = 0; at < chunk.length;) at += Deno.stdout.writeSync(chunk.subarray(at));
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
};

/** Reads deno test's last line; a run that ends badly without one counts as one failure. */
export const countsOf = (output: string, success: boolean): Counts => {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const line = plain.split("\n").findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line)) ?? "";
  const number = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1] ?? 0);
  const failed = number("failed");
  return { passed: number("passed"), failed: success ? failed : Math.max(failed, 1), skipped: number("ignored") };
};
