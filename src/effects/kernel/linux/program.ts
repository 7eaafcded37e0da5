/** Programs of other projects whose state nobody else may change: they are run to their end inside a namespace. */
import type { OpenNetns } from "./netns.ts";

/** Where programs are searched after PATH, which may be missing in what a runtime hands on. */
const FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

/** The folders that are searched. */
export const searched = (): readonly string[] => [
  ...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/")),
  ...FOLDERS,
];

/** The first program of these names, an earlier name before an earlier folder; null for none. */
export const findProgram = (...names: readonly string[]): string | null =>
  names.flatMap((name) => searched().map((folder) => `${folder}/${name}`)).find(isFile) ?? null;

/** How a program ended, and what it said, in English. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a file inside the namespace, to its end. */
export function runProgram(netns: OpenNetns, file: string, args: readonly string[]): Ended {
  const command = new Deno.Command(file, {
    args: [...args],
    clearEnv: true,
    env: { PATH: searched().join(":"), LC_ALL: "C" },
    stdin: "null",
  });
  const { code, stdout, stderr } = netns.run(() => command.outputSync());
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What a program said, on one line. */
export const saidBy = ({ stdout, stderr }: Ended): string => `${stderr}\n${stdout}`.trim().replace(/\s+/g, " ");
