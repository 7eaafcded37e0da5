/** Standard streams, synchronously: results go to stdout, everything else to stderr. */

const write = (stream: { writeSync(bytes: Uint8Array): number }, text: string): void => {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    // The reader has gone: there is nobody left to tell.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
};

/** Writes a result. */
export const writeOut = (text: string): void => write(Deno.stdout, text);

/** Writes a line for people. */
export const writeErr = (line: string): void => write(Deno.stderr, `${line}\n`);

/** Everything on stdin, as text. */
export function readIn(): string {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65_536); // what a pipe holds by default (pipe(7))
  let text = "";
  for (let length = Deno.stdin.readSync(chunk); length !== null; length = Deno.stdin.readSync(chunk)) {
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  return text + decoder.decode();
}

/** What is on stdin where it is asked for and not needed: nothing when it cannot be read, or a person would type it. */
export function readInIfAny(): string {
  if (Deno.stdin.isTerminal()) return "";
  try {
    return readIn();
  } catch {
    return "";
  }
}

/** How many characters a bar has. */
const BAR = 30;

/** A bar on stderr that says how far something has come; where nobody looks at a terminal it says nothing. */
export function progressBar(what: string): (done: number, total: number) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  return (done, total) => {
    if (total === 0) return;
    const full = Math.floor((done / total) * BAR);
    const line = `\r${what} [${"#".repeat(full)}${".".repeat(BAR - full)}] ${done}/${total}`;
    write(Deno.stderr, done === total ? `${line}\n` : line);
  };
}
