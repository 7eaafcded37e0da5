/** The daemon's command line, as Go's `dhcp daemon` has it: one dash or two, the value behind `=` or as the next word. */

/** What the daemon was started with. Durations are in milliseconds. */
export interface DaemonFlags {
  readonly pidfile: string;
  readonly hostprefix: string;
  readonly socketpath: string;
  readonly broadcast: boolean;
  readonly timeout: number;
  readonly resendmax: number;
  readonly resendtimeout: number;
}

/** The command line cannot be understood; `message` says why. */
export class FlagError extends Error {
  /** Tells it from other errors. */
  override readonly name = "FlagError";
}

const DEFAULTS: DaemonFlags = {
  pidfile: "",
  hostprefix: "",
  socketpath: "/run/cni/dhcp.sock",
  broadcast: false,
  timeout: 10_000,
  resendmax: 62_000,
  resendtimeout: 208_000,
};

/** Milliseconds of the units of Go's durations. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration in Go's form, such as `10s` or `1m30s`; null where it is none.
 *
 * @example
 * ```ts
 * import { durationOf } from "./flags.ts";
 * if (durationOf("1m30s") !== 90_000 || durationOf("10") !== null) throw new Error("not Go's durations");
 * ```
 */
export function durationOf(text: string): number | null {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return null;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(number) * (UNITS[unit ?? ""] ?? 0);
  }
  return sum;
}

const duration = (name: string, text: string): number => {
  const value = durationOf(text);
  if (value === null || value === 0) {
    throw new FlagError(`Cannot use -${name} "${text}": it is no duration, such as 10s or 1m30s`);
  }
  return value;
};

const boolean = (name: string, text: string): boolean => {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new FlagError(`Cannot use -${name} "${text}": it is neither true nor false`);
};

const isFlag = (name: string): name is keyof DaemonFlags => Object.hasOwn(DEFAULTS, name);

function setFlag(flags: DaemonFlags, name: keyof DaemonFlags, value: string): DaemonFlags {
  switch (name) {
    case "broadcast":
      return { ...flags, broadcast: boolean(name, value) };
    case "timeout":
    case "resendmax":
    case "resendtimeout":
      return { ...flags, [name]: duration(name, value) };
    default:
      return { ...flags, [name]: value };
  }
}

/** Reads the words behind `daemon`; null where help is asked for. Throws `FlagError`. */
export function parseFlags(words: readonly string[]): DaemonFlags | null {
  let flags = DEFAULTS;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, name = "", assigned] = /^--?([a-z]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === "h" || name === "help") return null;
    if (!isFlag(name)) throw new FlagError(`Cannot run the daemon: it does not know ${JSON.stringify(word)}`);
    const value = assigned ?? (name === "broadcast" ? "true" : words[++at]);
    if (value === undefined) throw new FlagError(`Cannot run the daemon: -${name} needs a value`);
    flags = setFlag(flags, name, value);
  }
  if (flags.pidfile !== "" && !flags.pidfile.startsWith("/")) {
    throw new FlagError(`Cannot use -pidfile "${flags.pidfile}": it must be an absolute path`);
  }
  return flags;
}

/** What the daemon can be told. */
export const USAGE = `Usage: cleat dhcp daemon [options]

Gets, renews and gives back the leases of containers whose IPAM plugin is dhcp. Go's plugin can talk to it as well.
Leases outlive it: started again, it goes on with them.

  -socketpath PATH         the socket that plugins call (/run/cni/dhcp.sock), unless systemd hands one over
  -hostprefix PATH         put before the socket's path and those of namespaces, where the host's root is mounted
  -pidfile PATH            absolute path of a file for the process id
  -broadcast               ask servers to answer by broadcast
  -timeout DURATION        first wait for an answer (10s); the next two are twice and four times as long
  -resendmax DURATION      longest pause between two attempts (1m2s)
  -resendtimeout DURATION  how long there are attempts at all (3m28s)
`;
