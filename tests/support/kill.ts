/** Killing a process in the middle of its work, at a moment its log tells. */
import { tree } from "./lab.ts";

/** Lines in all files below a folder. */
const linesIn = (folder: string): number =>
  Object.values(tree(folder)).reduce((sum, text) => sum + text.split("\n").length - 1, 0);

/** Lets everything else that is ready happen once. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * Kills a child as soon as the logs below `folder` have `lines` lines more than now, and waits for its end. Answers how
 * many lines there were when it ended, and whether it was still running.
 */
export async function killAfter(child: Deno.ChildProcess, folder: string, lines: number) {
  const before = linesIn(folder);
  let ended = false;
  const status = child.status.finally(() => void (ended = true));
  while (!ended && linesIn(folder) < before + lines) await turn();
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!ended && !(error instanceof TypeError)) throw error; // it has just ended
  }
  const { signal } = await status;
  return { lines: linesIn(folder) - before, killed: signal === "SIGKILL" };
}
