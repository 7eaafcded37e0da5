/** Programs that the virtual machine needs. */

/** Why there can be no virtual machine here: one sentence. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

const FOLDERS = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

const exists = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

/** Where a program is. Ends with `Unavailable`, naming Debian's package, where it is missing. */
export function findTool(program: string, debianPackage: string): string {
  const folder = FOLDERS.find((folder) => folder !== "" && exists(`${folder}/${program}`));
  if (folder === undefined) throw new Unavailable(`"${program}" is missing (Debian's package ${debianPackage})`);
  return `${folder}/${program}`;
}

/** What to do besides running a command: where, and for how long at most (milliseconds). */
export interface Run {
  readonly cwd?: string;
  readonly limit?: number;
}

/** Runs a program to its end and answers its output; throws, with what it said, when it fails. */
export async function output(program: string, args: readonly string[], run: Run = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(run.limit ?? 120_000),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run "${program} ${args.join(" ")}": ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}
