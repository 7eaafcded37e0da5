/** Keys of sysctls as tuning's configuration writes them: their paths, the allow list, and keys written twice. */
import * as Effect from "effect/Effect";
import { CniCode, Refused } from "../spec/failure.ts";

/** Where an administrator may say which sysctls configurations may touch: one regular expression a line. */
export const ALLOW_LIST = "/etc/cni/tuning/allowlist.conf";

/** Stands for the name of the interface. */
const PLACEHOLDER = "IFNAME";

/** As sysctl(8): with a dot first, dots separate and slashes are dots of a name; with a slash first, slashes separate. */
const withSlashes = (key: string): string =>
  /^[^/]*\./.test(key) ? key.replaceAll(/[./]/g, (mark) => mark === "." ? "/" : ".") : key;

/** Resolves `.`, `..` and empty steps, as a file system would. */
const clean = (path: string): string => {
  const steps: string[] = [];
  for (const step of path.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  return steps.join("/");
};

/**
 * The path of a key below /proc/sys, or null when it lies outside of `net`, which is all that belongs to a network
 * namespace. `IFNAME` is replaced after the separators, so that names with dots survive.
 *
 * @example
 * ```ts
 * import { sysctlPath } from "./tuning_sysctl.ts";
 * const path = sysctlPath("net.ipv4.conf.IFNAME.arp_filter", "eth0.7");
 * if (path !== "net/ipv4/conf/eth0.7/arp_filter") throw new Error(String(path));
 * if (sysctlPath("net/../kernel/hostname", "eth0") !== null) throw new Error("escaped from net");
 * ```
 */
export const sysctlPath = (key: string, ifName: string): string | null => {
  const path = clean(withSlashes(key).replaceAll(PLACEHOLDER, () => ifName));
  return path.startsWith("net/") ? path : null;
};

/** Go's RE2 writes some things differently: leading flags, named groups, the ends of the text. */
const toRegExp = (line: string): RegExp => {
  const flags = /^\(\?([is]+)\)/.exec(line);
  const source = (flags === null ? line : line.slice(flags[0].length))
    .replaceAll("(?P<", "(?<").replaceAll("\\A", "^").replaceAll("\\z", "$");
  return new RegExp(source, flags?.[1] ?? "");
};

const refuse = (msg: string, details?: string): Effect.Effect<never, Refused> =>
  Effect.fail(
    new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) }),
  );

/**
 * Holds every key, as the configuration writes it, against the lines of the allow list; null, no list, allows all, and
 * an empty list nothing. Ends with `Refused` naming the key, or the line that is no regular expression.
 */
export const checkAllowed: (list: string | null, keys: readonly string[]) => Effect.Effect<void, Refused> = Effect
  .fnUntraced(function* (list, keys) {
    if (list === null) return;
    const lines = list.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const allowed = yield* Effect.forEach(lines, (line) =>
      Effect.catch(
        Effect.try({ try: () => toRegExp(line), catch: () => line }),
        () => refuse(`Cannot use allow list "${ALLOW_LIST}": "${line}" is not a regular expression`),
      ));
    for (const key of keys) {
      if (allowed.some((pattern) => pattern.test(key))) continue;
      const details = `"${ALLOW_LIST}" allows: ${lines.join(", ") || "nothing"}`;
      return yield* refuse(`Cannot set sysctl "${key}": it is not allowed`, details);
    }
  });

/** Tokens of JSON: texts, and the marks that open, close and separate. White space and other scalars fall through. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs;

const isSysctl = (text: string): boolean => text.toLowerCase() === "sysctl";

/**
 * The first key that the top-level `sysctl` object of a configuration's text holds twice, or null. A JSON parser cannot
 * see it, and which of the two values counts would be chance. A text that is no JSON has no answer here: null.
 *
 * @example
 * ```ts
 * import { duplicatedSysctl } from "./tuning_sysctl.ts";
 * const text = '{"sysctl": {"net.core.somaxconn": "1", "net.core.somaxconn": "2"}}';
 * if (duplicatedSysctl(text) !== "net.core.somaxconn") throw new Error("not seen");
 * ```
 */
export const duplicatedSysctl = (text: string): string | null => {
  const path: string[] = [];
  const seen = new Set<string>();
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") path.push(token === "[" ? "" : last);
    else if (token === "}" || token === "]") path.pop();
    else if (token === ":" && path.length === 2 && path[1] !== undefined && isSysctl(path[1])) {
      if (seen.has(last)) return last;
      seen.add(last);
    }
    last = token.startsWith('"') ? unquote(token) : token === ":" ? last : "";
  }
  return null;
};

/** What a JSON text token means; of a faulty one, its letters. */
const unquote = (token: string): string => {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
};
