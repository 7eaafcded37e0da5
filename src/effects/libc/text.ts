/** Small files as text, for layers that read and write many. Everything throws `SystemError`. */
import { SystemError } from "./errno.ts";
import { files, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from "./files.ts";

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

/** Opens a file, hands its descriptor to `use`, and closes it; null when it does not exist. */
export const withFile = <A>(path: string, flags: number, mode: number, use: (fd: number) => A): A | null => {
  const fd = files.open(path, flags, mode);
  if (fd === null) return null;
  try {
    return use(fd);
  } finally {
    files.close(fd);
  }
};

/** The content; null when there is no such file. */
export const readText = (path: string): string | null => withFile(path, O_RDONLY, 0, readToEnd);

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
 * only where it is longer even so; `then` goes on with the open file.
 */
export const overwriteText = (
  path: string,
  mode: number,
  fit: (size: number) => string,
  then: (fd: number) => void = () => {},
): void => {
  const done = withFile(path, O_WRONLY | O_CREAT, mode, (fd) => {
    const { size } = files.status(fd);
    const text = fit(size);
    if (size > text.length) files.truncate(fd, text.length, path);
    writeWhole(fd, path, text);
    then(fd);
    return true;
  });
  if (done === null) throw new SystemError("ENOENT", `open "${path}"`, "No such file or directory");
};
