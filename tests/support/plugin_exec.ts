/** Runs executables as a container runtime would: with the variables of the protocol and nothing else. */
import type { CniFailure } from "../../src/spec/failure.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { Netns, Ran } from "./netns.ts";

/** Variables of the environment; undefined leaves one out. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where plugins find the tools they start (Go's do). */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

const defined = (env: Env): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]));

/** Runs a file in `host`, with `stdin` and exactly `env` (and PATH), to its end. */
export async function execIn(
  host: Netns,
  file: string,
  env: Env,
  stdin: string | Uint8Array<ArrayBuffer> = "",
  args: readonly string[] = [],
): Promise<Ran> {
  const child = host.spawn(file, {
    args: [...args],
    clearEnv: true,
    env: { PATH, ...defined(env) },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const output = child.output();
  // Who ends without reading its stdin breaks the pipe: no fault.
  await new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await output;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The object a plugin printed. Throws, with all it said, when it is not one JSON object. */
export function printed({ code, stdout, stderr }: Ran): JsonObject {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`Cannot read stdout as JSON: status ${code}, stdout ${JSON.stringify(stdout)}, stderr "${stderr}"`);
  }
}

/** The result of a run that must succeed. */
export function succeeded(ran: Ran): JsonObject {
  if (ran.code !== 0) throw new Error(`the plugin failed with status ${ran.code}: ${ran.stdout} ${ran.stderr}`);
  return ran.stdout === "" ? {} : printed(ran);
}

/** The error of a run that must fail: one JSON object on stdout, the same sentence on stderr, status 1. */
export function failed(ran: Ran): CniFailure & { readonly cniVersion: string } {
  if (ran.code !== 1) throw new Error(`status 1 expected, found ${ran.code}: ${ran.stdout} ${ran.stderr}`);
  const { cniVersion, code, msg, details, ...others } = printed(ran);
  const rest = Object.keys(others);
  if (typeof cniVersion !== "string" || typeof code !== "number" || typeof msg !== "string" || rest.length > 0) {
    throw new Error(`not an error object: ${ran.stdout}`);
  }
  const sentence = typeof details === "string" ? `${msg}; ${details}` : msg;
  if (ran.stderr !== `${sentence}\n`) throw new Error(`stderr is not the sentence "${sentence}": "${ran.stderr}"`);
  return { cniVersion, code, msg, ...(typeof details === "string" ? { details } : {}) };
}
