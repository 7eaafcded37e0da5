/** Sysctls of a network namespace: /proc/sys/net belongs to the thread that opens it. */
import { SystemError } from "../../libc/errno.ts";
import { files, O_RDONLY, O_WRONLY } from "../../libc/files.ts";
import type { OpenNetns } from "./netns.ts";

/** More than any value of a network sysctl has. */
const LONGEST_VALUE = 4096;

const buffer = new Uint8Array(LONGEST_VALUE);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A key names a file below /proc/sys and nothing else. */
function pathOf(key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new SystemError("EINVAL", `"${key}" is not a path below /proc/sys`);
  }
  return `/proc/sys/${key}`;
}

/** Runs `use` with the open file of a key; null when there is no such key. */
const withKey = <A>(netns: OpenNetns, key: string, flags: number, use: (fd: number) => A): A | null => {
  const path = pathOf(key);
  return netns.run(() => {
    const fd = files.open(path, flags);
    if (fd === null) return null;
    try {
      return use(fd);
    } finally {
      files.close(fd);
    }
  });
};

/** Content without the final newline; null when there is no such key. Throws `SystemError`. */
export function readSysctl(netns: OpenNetns, key: string): string | null {
  try {
    return withKey(netns, key, O_RDONLY, (fd) => {
      const value = buffer.subarray(0, files.read(fd, buffer));
      return decoder.decode(value).replace(/\n$/, "");
    });
  } catch (error) {
    if (error instanceof SystemError && ["ENOTDIR", "EISDIR"].includes(error.errno)) return null;
    throw error;
  }
}

/** Throws `SystemError`: ENOENT for a key that does not exist, EINVAL for a value the kernel does not take. */
export function writeSysctl(netns: OpenNetns, key: string, value: string): void {
  const bytes = encoder.encode(value);
  const written = withKey(netns, key, O_WRONLY, (fd) => files.write(fd, bytes, key));
  if (written === null) throw new SystemError("ENOENT", "open");
}
