/**
 * The rules for names that come from outside: container ids, network names and interface names. Every verb checks them,
 * since all three become parts of paths.
 *
 * @module
 */
import { quote } from "./conf_fault.ts";
import { CniCode, type CniFailure } from "./failure.ts";

/** Longest file name in bytes: NAME_MAX (linux/limits.h). */
export const NAME_MAX = 255;

/** Longest interface name in bytes, without the final NUL: IFNAMSIZ - 1 (linux/if.h). */
export const MAX_IF_NAME_BYTES = 15;

/** Container ids and network names (CNI spec 1.1.0, sections 1 and 2). */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

const NAME_RULE = "it must start with a letter or digit and hold only letters, digits, '_', '.' and '-'";

/** What separates words in Unicode (White_Space), `/`, `:`, and NUL, which would end the name in the kernel. */
const NOT_IN_IF_NAME = /[/:\0\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const fault = (code: number, what: string, value: string, rule: string, details = value): CniFailure => ({
  code,
  msg: `Cannot use ${what} ${quote(value)}: ${rule}`,
  ...(details === "" ? {} : { details: details.slice(0, NAME_MAX) }),
});

/** Checks a name that becomes a file name; `details` of the failure is the name, as libcni has it. */
function checkName(what: string, name: string, emptyCode: number, code: number): CniFailure | null {
  if (name === "") return fault(emptyCode, what, name, "it must not be empty");
  if (!NAME.test(name)) return fault(code, what, name, NAME_RULE);
  if (name.length > NAME_MAX) return fault(code, what, name, `it has ${name.length} bytes, at most ${NAME_MAX} fit`);
  return null;
}

/** Null for a good container id; code 3 when it is empty, 4 when it has other characters or is too long for a file name. */
export const checkContainerId = (id: string): CniFailure | null =>
  checkName("container id", id, CniCode.UNKNOWN_CONTAINER, CniCode.INVALID_ENVIRONMENT);

/** Null for a good network name; code 7 otherwise. */
export const checkNetworkName = (name: string): CniFailure | null =>
  checkName("network name", name, CniCode.INVALID_NETWORK_CONFIG, CniCode.INVALID_NETWORK_CONFIG);

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/**
 * Null for a good interface name; code 4 otherwise, with the rule in `details`.
 *
 * @example
 * ```ts
 * import { checkIfName } from "./names.ts";
 * if (checkIfName("eth0") !== null) throw new Error("eth0 is fine");
 * if (checkIfName("interface-number-0")?.code !== 4) throw new Error("16 bytes are too many");
 * ```
 */
export function checkIfName(name: string): CniFailure | null {
  const refuse = (rule: string, details: string) =>
    fault(CniCode.INVALID_ENVIRONMENT, "interface name", name, rule, details);
  if (name === "") return refuse("it must not be empty", "");
  const bytes = utf8Length(name);
  if (bytes > MAX_IF_NAME_BYTES) {
    return refuse(`it has ${bytes} bytes`, `an interface name has at most ${MAX_IF_NAME_BYTES} bytes`);
  }
  if (name === "." || name === "..") return refuse("it is a directory", 'an interface name is neither "." nor ".."');
  return NOT_IN_IF_NAME.test(name)
    ? refuse("it has characters the kernel refuses", "an interface name has no '/', no ':' and no white space")
    : null;
}

/** The name under which Go's tuning plugin saves what an interface was like. */
export const backupFileName = (containerId: string, ifName: string): string => `${containerId}_${ifName}.json`;

/** The name of libcni's cache file for an attachment; ambiguous where names hold dashes, but shared with libcni. */
export const cacheFileName = (network: string, containerId: string, ifName: string): string =>
  `${network}-${containerId}-${ifName}`;

/** Null when libcni's cache file of this attachment has a name the file system takes; code 4 otherwise. */
export function checkCacheFileName(network: string, containerId: string, ifName: string): CniFailure | null {
  const name = cacheFileName(network, containerId, ifName);
  const bytes = utf8Length(name);
  if (bytes <= NAME_MAX) return null;
  const rule =
    `with network ${JSON.stringify(network)} and interface ${JSON.stringify(ifName)} it makes a file name of ` +
    `${bytes} bytes, at most ${NAME_MAX} fit`;
  return fault(CniCode.INVALID_ENVIRONMENT, "container id", containerId, rule);
}
