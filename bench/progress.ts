/** A bar on stderr for people who wait; nothing where stderr is no terminal. */

const WIDTH = 30;

/** Milliseconds between two drawings: writing to a terminal must not be part of what is measured. */
const PAUSE_MS = 200;

/** The bar as text, without its end of line. */
export const barText = (label: string, done: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, done)) * WIDTH);
  return `${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${String(Math.round(done * 100)).padStart(3)} % ${label}`;
};

/** Draws the bar of a label; at 1 it goes away. */
export function progressBar(label: string): (done: number) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let last = -Infinity;
  return (done) => {
    const now = performance.now();
    if (done < 1 && now - last < PAUSE_MS) return;
    last = now;
    Deno.stderr.writeSync(new TextEncoder().encode(done < 1 ? `\r${barText(label, done)}` : "\r\x1b[K"));
  };
}
