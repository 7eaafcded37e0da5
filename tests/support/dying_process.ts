/** Processes that die by SIGKILL, seen from the one that lives on. */
import type { Job } from "./dying_door.ts";

/** How to run the script of a process that dies. */
export type Door = readonly [program: string, ...args: string[]];

/** The door that a script is. */
export const doorOf = (script: string): Door => [
  Deno.execPath(),
  "run",
  "-A",
  "--quiet",
  "--no-lock",
  "--cached-only",
  script,
];

/** The script itself; beside the bundle of a test there is its bundle. */
export const scriptBeside = (name: string): string => {
  const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
  return decodeURIComponent(new URL(`../support/${name}.${extension}`, import.meta.url).pathname);
};

/** One process takes all jobs to their points and kills itself. Throws where one does not come to its point. */
export async function die([program, ...args]: Door, jobs: readonly Job[]): Promise<void> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const output = child.output();
  await new Blob([JSON.stringify(jobs)]).stream().pipeTo(child.stdin);
  const { signal, stdout, stderr } = await output;
  const decoder = new TextDecoder();
  if (signal !== "SIGKILL") throw new Error(`Cannot die: the process ended by itself: ${decoder.decode(stderr)}`);
  const ends: readonly string[] = JSON.parse(decoder.decode(stdout));
  const late = ends.findIndex((end) => end !== "arrived");
  if (late >= 0) throw new Error(`Cannot die in ${jobs[late]?.call.verb} at point ${jobs[late]?.at}: ${ends[late]}`);
}
