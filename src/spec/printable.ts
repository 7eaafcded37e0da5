/**
 * Text for people's terminals. Names, comments and messages come from the kernel, from other programs and out of files: they
 * are data, and must not move a cursor, recolour a screen, or make up a line of their own.
 */

/** Control characters of C0 (without line feed and tab) and C1, delete, line separators, and what turns the direction of text. */
const CONTROLS = /(?![\n\t])[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/gu;

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/**
 * The text with its control characters spelt out as `\u{1b}`; line feeds and tabs stay.
 *
 * @example
 * ```ts
 * import { printable } from "./printable.ts";
 * if (printable("a\u{1b}[2Jb\n") !== "a\\u{1b}[2Jb\n") throw new Error("a screen was cleared");
 * ```
 */
export const printable = (text: string): string => text.replace(CONTROLS, escaped);

/**
 * The text on one line: as `printable`, line feeds included.
 *
 * @example
 * ```ts
 * import { printableLine } from "./printable.ts";
 * if (printableLine("a\nb") !== "a\\u{a}b") throw new Error("a line was made up");
 * ```
 */
export const printableLine = (text: string): string => printable(text).replaceAll("\n", escaped);
