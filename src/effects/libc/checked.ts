/** How calls of libc end: with a number, or with errno. */
import { errnoName, errnoView, errnoWords, SystemError } from "./errno.ts";

/** asm-generic/errno-base.h: errnos that a call may be expected to end with. */
export const ENOENT = 2;
export const EAGAIN = 11;
export const EEXIST = 17;

/** Runs one call and reads errno as the first thing after it, before anything can allocate: the number, or -errno. */
function run(call: () => number): number {
  const errno = errnoView();
  const result = call();
  return result >= 0 ? result : -(errno[0] ?? 0);
}

/** What a call answers. Throws `SystemError` when the kernel refuses it. */
export function checked(name: string, call: () => number): number {
  const result = run(call);
  if (result < 0) throw new SystemError(errnoName(-result), name);
  return result;
}

/**
 * As `checked`, for a call on a file: the error is in the kernel's words and names the path. The errnos that are expected
 * come back negative: what is not there, not free, or there already is an answer, and an exception with its stack costs
 * more than the call.
 */
export function onFile(name: string, path: string, call: () => number, ...expected: readonly number[]): number {
  const result = run(call);
  if (result >= 0 || expected.includes(-result)) return result;
  throw new SystemError(errnoName(-result), `${name} "${path}"`, errnoWords(-result));
}
