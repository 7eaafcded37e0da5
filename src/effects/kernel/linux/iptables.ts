/**
 * The NAT table of the programs iptables and ip6tables. Their rules may only be changed by them: what others write
 * there natively, they refuse to list. They keep them in nf_tables, or, as `iptables-legacy`, in tables of their own.
 */
import { contains } from "../../../spec/cidr.ts";
import { HostError } from "../host.ts";
import type { KernelOp } from "../op.ts";
import type { OpenNetns } from "./netns.ts";
import { chainsOf } from "./nftables/list.ts";

type Delete = Extract<KernelOp, { readonly op: "iptables.delete" }>;
type Family = 4 | 6;
type Backend = "nft" | "legacy";

/** The words of a rule: `-A`, its chain, and what follows. */
type Rule = readonly string[];

/** Where programs are searched after PATH, which may be missing in what a runtime hands on. */
const FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/** How long the program waits for others of its kind, in seconds. */
const WAIT_S = 10;

/** Names of the tables that the legacy programs have in use; one file for each family. */
const LEGACY_NAMES = { 4: "ip_tables_names", 6: "ip6_tables_names" } as const;

const nameOf = (family: Family): string => family === 4 ? "iptables" : "ip6tables";

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

const searched = (): readonly string[] => [
  ...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/")),
  ...FOLDERS,
];

/** The program for a backend: by its full name, or the one that the machine calls iptables. */
const find = (family: Family, backend: Backend): string | null => {
  const names = [`${nameOf(family)}-${backend}`, nameOf(family)];
  return names.flatMap((name) => searched().map((folder) => `${folder}/${name}`)).find(isFile) ?? null;
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program inside the namespace, to its end. Throws `HostError` where there is none. */
function run(netns: OpenNetns, family: Family, backend: Backend, args: readonly string[]): Ended {
  const file = find(family, backend);
  if (file === null) {
    throw new HostError({
      doing: `change the NAT table of ${nameOf(family)} without the program`,
      subject: nameOf(family),
      errno: `ENOENT: it is in none of ${searched().join(", ")}; install iptables, or put it on PATH`,
    });
  }
  const command = new Deno.Command(file, {
    args: ["--wait", `${WAIT_S}`, "-t", "nat", ...args],
    clearEnv: true,
    env: { PATH: searched().join(":"), LC_ALL: "C" },
    stdin: "null",
  });
  const { code, stdout, stderr } = netns.run(() => command.outputSync());
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs the program; it must succeed. */
function must(netns: OpenNetns, family: Family, backend: Backend, args: readonly string[]): string {
  const { code, stdout, stderr } = run(netns, family, backend, args);
  if (code === 0) return stdout;
  throw new HostError({
    doing: `run ${nameOf(family)} -t nat`,
    subject: args.join(" "),
    errno: `it ended with ${code}: ${stderr.trim().replace(/\s+/g, " ")}`,
  });
}

/**
 * The words of a line, which the program quotes as a shell would read them.
 *
 * @example
 * ```ts
 * import { wordsOf } from "./iptables.ts";
 * const words = wordsOf('-A X -m comment --comment "name: \\"net\\"" -j Y');
 * if (words[5] !== 'name: "net"' || words.length !== 8) throw new Error(words.join("|"));
 * ```
 */
export const wordsOf = (line: string): Rule =>
  Array.from(
    line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g),
    ([, quoted, plain]) => quoted === undefined ? plain ?? "" : quoted.replace(/\\(.)/g, "$1"),
  );

const listing = (netns: OpenNetns, family: Family, backend: Backend): readonly Rule[] =>
  must(netns, family, backend, ["-S"]).split("\n").filter((line) => line !== "").map(wordsOf);

const chainsIn = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(([what, name]) => (what === "-N" || what === "-P") && name !== undefined ? [name] : []);

/** Whether the legacy program has its NAT table in this namespace. */
const usesLegacy = (netns: OpenNetns, family: Family): boolean =>
  netns.run(() => {
    try {
      return Deno.readTextFileSync(`/proc/thread-self/net/${LEGACY_NAMES[family]}`).split("\n").includes("nat");
    } catch {
      return false; // the module is not there, or nobody may look
    }
  });

const nftChains = (netns: OpenNetns, family: Family): readonly string[] =>
  chainsOf(netns.netfilter, { family: family === 4 ? "ip" : "ip6", table: "nat" });

const legacyChains = (netns: OpenNetns, family: Family): readonly string[] =>
  usesLegacy(netns, family) && find(family, "legacy") !== null ? chainsIn(listing(netns, family, "legacy")) : [];

/** Names of the chains of either backend. A program is started for legacy tables only. Throws `SystemError`, `HostError`. */
export const iptablesChains = (netns: OpenNetns, family: Family): readonly string[] => [
  ...nftChains(netns, family),
  ...legacyChains(netns, family),
];

/** The rules of both backends. Throws `SystemError`, `HostError`. */
export const iptablesRules = (netns: OpenNetns, family: Family): readonly Rule[] =>
  [
    ...(nftChains(netns, family).length > 0 ? listing(netns, family, "nft") : []),
    ...(legacyChains(netns, family).length > 0 ? listing(netns, family, "legacy") : []),
  ].filter(([what]) => what === "-A");

/** The word after this one. */
const after = (rule: Rule, word: string): string | undefined => {
  const at = rule.indexOf(word);
  return at < 0 ? undefined : rule[at + 1];
};

const leadsTo = (rule: Rule, chain: string): boolean =>
  rule[0] === "-A" && (after(rule, "-j") ?? after(rule, "-g")) === chain;

/** Whether a jump is for packets from one of these addresses; an older form has the whole subnet there. */
const isFrom = (rule: Rule, sources: readonly string[] | undefined): boolean => {
  if (sources === undefined) return true;
  const source = after(rule, "-s");
  return source !== undefined && sources.some((ip) => contains(source, ip));
};

function deleteIn(netns: OpenNetns, { family, chain, from, sources }: Delete, backend: Backend): void {
  const rules = listing(netns, family, backend);
  if (!chainsIn(rules).includes(chain)) return;
  const jumps = rules.filter((rule) => leadsTo(rule, chain));
  const due = jumps.filter((rule) => rule[1] === from && isFrom(rule, sources));
  for (const rule of due) must(netns, family, backend, ["-D", ...rule.slice(1)]);
  if (due.length < jumps.length && sources !== undefined) return;
  must(netns, family, backend, ["-F", chain]);
  must(netns, family, backend, ["-X", chain]);
}

/** Carries out `iptables.delete` in whichever backend has the chain. Absence is success. Throws `SystemError`, `HostError`. */
export function deleteIptables(netns: OpenNetns, op: Delete): void {
  if (nftChains(netns, op.family).includes(op.chain)) deleteIn(netns, op, "nft");
  if (legacyChains(netns, op.family).includes(op.chain)) deleteIn(netns, op, "legacy");
}
