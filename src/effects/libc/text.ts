/**
 * Small files as text, for layers that read and write many. What has a file's name and is none, such as a link that somebody
 * has planted, is neither read nor written through. Everything throws `SystemError`.
 */
import { SystemError } from "./errno.ts";
import type { FileStatus } from "./status.ts";
import { files, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } from "./files.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Files longer than this take more than one read. */
let buffer = new Uint8Array(65_536);

const readToEnd = (fd: number): string => {
  for (let length = 0;;) {
    const count = files.read(fd, buffer.subarray(length));
    length += count;
    if (count === 0) return decoder.decode(buffer.subarray(0, length));
    if (length < buffer.length) continue;
    const grown = new Uint8Array(buffer.length * 2);
    grown.set(buffer);
    buffer = grown;
  }
};

/** What opening or reading something else than a file ends with: a link, a folder, a socket. A pipe reads as empty. */
const NO_FILE: ReadonlySet<string> = new Set(["ELOOP", "EISDIR", "ENXIO"]);

/** Answers `other` where the name leads to something else than a file. */
const orOther = <A, B>(run: () => A, other: B): A | B => {
  try {
    return run();
  } catch (error) {
    if (error instanceof SystemError && NO_FILE.has(error.errno)) return other;
    throw error;
  }
};

/** Opens a file, hands its descriptor to `use`, and closes it; null when it does not exist. */
const withFile = <A>(path: string, flags: number, mode: number, use: (fd: number) => A): A | null => {
  const fd = files.open(path, flags | O_NOFOLLOW | O_NONBLOCK, mode);
  if (fd === null) return null;
  try {
    return use(fd);
  } finally {
    files.close(fd);
  }
};

/** The content; null when there is no such file, and `other` where something else has its name. */
export const readText = (path: string, other: string | null = null): string | null =>
  orOther(() => withFile(path, O_RDONLY, 0, readToEnd), other);

/** Whether an open file is one that its name alone leads to: what has a second name may be anybody's. */
const isOwn = ({ isFile, links }: FileStatus): boolean => isFile && links === 1;

/** Hands an existing file to `use`; does nothing where there is none, or something else has its name. */
export const touchFile = (path: string, use: (fd: number) => void): void => {
  const touch = (fd: number) => {
    if (isOwn(files.status(fd))) use(fd);
  };
  orOther(() => withFile(path, O_WRONLY, 0, touch), null);
};

const writeWhole = (fd: number, path: string, text: string): void => {
  const bytes = encoder.encode(text);
  if (files.write(fd, bytes, path) < bytes.length) throw new Error(`"${path}" could not be written as a whole`);
};

/** Makes a file with that content, or none: false when something has its name. */
export const createText = (path: string, text: string, mode: number): boolean => {
  let made = false;
  try {
    const done = withFile(path, O_WRONLY | O_CREAT | O_EXCL, mode, (fd) => {
      made = true;
      writeWhole(fd, path, text);
      return true;
    });
    if (done === null) throw new SystemError("ENOENT", `open "${path}"`, "No such file or directory");
    return true;
  } catch (error) {
    if (made) files.remove(path);
    else if (error instanceof SystemError && error.errno === "EEXIST") return false;
    throw error;
  }
};

/**
 * Replaces the content in place by one write, and makes the file if need be: a process that is killed leaves the old
 * content or the new. Making another file and renaming it, or emptying this one first, makes a file system write to disk at
 * once, which takes longer than all the rest. `fit` makes the text as long as the old content wants it, which is cut
 * only where it is longer even so; `then` goes on with the open file. What has the name and is no file of its own makes
 * room: the name is ours, what it leads to is not.
 */
export const overwriteText = (
  path: string,
  mode: number,
  fit: (size: number) => string,
  then: (fd: number) => void = () => {},
): void => {
  const overwrite = (fd: number): boolean => {
    const status = files.status(fd);
    if (!isOwn(status)) return false;
    const text = fit(status.size);
    if (status.size > text.length) files.truncate(fd, text.length, path);
    writeWhole(fd, path, text);
    then(fd);
    return true;
  };
  const attempt = () => orOther(() => withFile(path, O_WRONLY | O_CREAT, mode, overwrite), false);
  let done = attempt();
  if (done === false) {
    files.remove(path);
    done = attempt();
  }
  if (done === null) throw new SystemError("ENOENT", `open "${path}"`, "No such file or directory");
  if (!done) throw new Error(`"${path}" is not a regular file`);
};
