/** Lines for people who run tasks. */

const write = (to: typeof Deno.stdout | typeof Deno.stderr, line: string): void => {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
};

/** One line on stdout. */
export const say = (line: string): void => write(Deno.stdout, line);

/** One line on stderr. */
export const complain = (line: string): void => write(Deno.stderr, line);

/** Runs a task; a failure is one message on stderr and status 1. */
export const runTask = async (task: () => Promise<void>): Promise<void> => {
  try {
    await task();
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
};
