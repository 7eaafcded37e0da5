/** Name service settings out of a file in the format of resolv.conf(5). */
import type { Dns } from "../spec/result.ts";

/**
 * Reads the settings: every `nameserver`, the last `domain`, and the words of all `search` and `options` lines. Lines
 * that begin with `#` or `;`, lines with a single word and unknown keywords are skipped; comments behind a setting are
 * part of it, as for Go's host-local.
 *
 * @example
 * ```ts
 * import { parseResolvConf } from "./resolv_conf.ts";
 * const dns = parseResolvConf("# local\nnameserver 10.0.0.1\nsearch a.example b.example\n");
 * if (dns.nameservers?.[0] !== "10.0.0.1" || dns.search?.length !== 2) throw new Error(JSON.stringify(dns));
 * ```
 */
export function parseResolvConf(text: string): Dns {
  const words = { nameserver: [] as string[], search: [] as string[], options: [] as string[] };
  let domain = "";
  for (const line of text.split("\n").map((raw) => raw.trim())) {
    if (line.startsWith("#") || line.startsWith(";")) continue;
    const [keyword, value, ...others] = line.split(/\s+/);
    if (keyword === undefined || value === undefined) continue;
    if (keyword === "nameserver") words.nameserver.push(value);
    else if (keyword === "domain") domain = value;
    else if (keyword === "search" || keyword === "options") words[keyword].push(value, ...others);
  }
  return {
    ...(words.nameserver.length > 0 ? { nameservers: words.nameserver } : {}),
    ...(domain === "" ? {} : { domain }),
    ...(words.search.length > 0 ? { search: words.search } : {}),
    ...(words.options.length > 0 ? { options: words.options } : {}),
  };
}
