/** Sysctls of a network namespace: /proc/sys/net belongs to the thread that opens it. */
import { SystemError } from "./errno.ts";
import type { OpenNetns } from "./netns.ts";

/** A key names a file below /proc/sys and nothing else. */
function pathOf(key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new SystemError("EINVAL", `"${key}" is not a path below /proc/sys`);
  }
  return `/proc/sys/${key}`;
}

/** The error of a file operation of Deno's, which has the errno as its `code`; anything else is passed on as it is. */
function systemError(error: unknown, call: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? new SystemError(code, call) : error;
}

/** Content without the final newline; null when there is no such key. Throws `SystemError`. */
export function readSysctl(netns: OpenNetns, key: string): string | null {
  const path = pathOf(key);
  try {
    return netns.run(() => Deno.readTextFileSync(path)).replace(/\n$/, "");
  } catch (error) {
    const failure = systemError(error, "read");
    const none = failure instanceof SystemError && ["ENOENT", "ENOTDIR", "EISDIR"].includes(failure.errno);
    if (none) return null;
    throw failure;
  }
}

/** Throws `SystemError`: ENOENT for a key that does not exist, EINVAL for a value the kernel does not take. */
export function writeSysctl(netns: OpenNetns, key: string, value: string): void {
  const path = pathOf(key);
  try {
    netns.run(() => Deno.writeTextFileSync(path, value, { create: false }));
  } catch (error) {
    throw systemError(error, "write");
  }
}
