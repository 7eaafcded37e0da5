/** docs/crash-matrix.md: a table for each plugin and verb, a row for each step, a column for each way to recover. */
import type { CutLog } from "./truncated.ts";
import { type Death, residueOf, type Share, type Steps } from "./report.ts";
import { VERBS } from "./record.ts";

/** Where the page is, in the project. */
export const PAGE = "docs/crash-matrix.md";

/** Longest row, in characters: batches of nf_tables commands have no end. */
const LONGEST = 110;

/** Everything a page is made of. */
export interface Findings {
  readonly share: Share;
  readonly rounds: number;
  readonly killed: readonly string[];
  readonly cuts: readonly CutLog[];
}

const KINDS = { log: "append", kernel: "request", lease: "lease", exec: "execute", file: "file" } as const;

/** The words of a step, without what differs from run to run: addresses, and what would end the cell. */
const inCell = (text: string): string => {
  const words = text.replaceAll("|", "\\|").replace(/\b(?!02:00:00:00)[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, "<mac>")
    .replaceAll("<", "&lt;").replace(/\b10\.(1|8)\.0\.\d+\b/g, "10.$1.0.x").replace(/\bfd08::\d+\b/g, "fd08::x")
    .replace(/\bfe80::[0-9a-f:]+/g, "fe80::x");
  return words.length > LONGEST ? `${words.slice(0, LONGEST - 1)}…` : words;
};

/** The words of every step, as the rows of the page have them. */
export const rowsOf = ({ steps }: Steps): readonly string[] =>
  VERBS.flatMap((verb) => steps[verb].map(({ kind, words }, n) => `| ${n + 1} | ${KINDS[kind]} | ${inCell(words)} |`));

/** What came of the deaths before and after a step. */
const cell = (deaths: readonly Death[]): string =>
  deaths.toSorted((a, b) => a.at - b.at).map(({ left }) => left.length === 0 ? "ok" : "**residue**").join(" ");

const tablesOf = (all: Steps, deaths: readonly Death[]): readonly string[] => [
  `\n## ${all.scenario}`,
  ...VERBS.flatMap((verb) => {
    const rows = rowsOf({ ...all, steps: { ADD: [], CHECK: [], DEL: [], GC: [], [verb]: all.steps[verb] } });
    const cells = (step: number) =>
      all.ways.map((way) =>
        cell(
          deaths.filter((d) => d.scenario === all.scenario && d.verb === verb && d.at >> 1 === step && d.way === way),
        )
      );
    return [
      `\n### ${all.scenario}: ${verb}\n`,
      `| # | what | step | ${all.ways.join(" | ")} |`,
      `| - | - | - | ${all.ways.map(() => "-").join(" | ")} |`,
      ...rows.map((row, step) => `${row} ${cells(step).join(" | ")} |`),
    ];
  }),
];

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const totals = ({ share, rounds, killed, cuts }: Findings): readonly string[] => {
  const points = sum(share.steps.map(({ steps }) => sum(VERBS.map((verb) => 2 * steps[verb].length))));
  const left = residueOf(share).length + killed.length + sum(cuts.map((cut) => cut.left.length));
  return [
    "| what | how many |",
    "| - | - |",
    `| points at which a process died | ${points} |`,
    `| ways to recover | ${new Set(share.steps.flatMap(({ ways }) => ways)).size} |`,
    `| deaths, each followed by a recovery, and by a new ADD and DEL | ${share.deaths.length} |`,
    `| executables killed from outside at random moments, 8 at once on one host | ${rounds} |`,
    `| appends from which on the disk was full (ADD fails, DEL goes on from memory) | ${share.disks.length} |`,
    `| bytes after which a log was cut, and read | ${sum(cuts.map(({ bytes }) => bytes))} |`,
    `| cut logs that DEL was run with: three in every line | ${sum(cuts.map(({ ended }) => ended))} |`,
    `| logs lost altogether | ${share.lost.length} |`,
    `| **residue** | **${left}** |`,
  ];
};

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->

# Crash matrix

This page is written by \`deno task crash-matrix\`, which makes real network namespaces, and stops real processes in them
with SIGKILL: before and after every append to the log, every kernel request, every lease call, every execution of
another plugin and every file of the runtime's, of ADD, CHECK, DEL and GC. Then the host recovers in one of these ways:

- **DEL**, as the runtime would call it;
- **DEL without config or CNI_NETNS**: a configuration that has nothing but \`cniVersion\`, \`name\` and \`type\`;
- **DEL by each plugin**: of a chain, by every plugin for itself, and then by what ran them;
- **GC**, with no valid attachments;
- **recover, DEL**: a recovery of the whole host, which leaves alone what was complete, and then DEL;
- **ADD, DEL**: an ADD over what is left, which settles it first, and its DEL.

After that links, addresses, routes, rules, neighbours, forwarding entries, nf_tables, sysctls, leases, the result cache
and the log's own folders are compared with those from before; what all attachments share (a bridge, its addresses,
base chains) with those after a whole ADD and DEL, and may be half made until the next ADD. At the end an ADD and a DEL
must work again, and leave the host exactly as any ADD and DEL do. A process dies for 16 attachments at once, each on a
host of its own.

CHECK is one that finds something, since one that confirms writes nothing. In each cell there are two words: what came
of dying before the step, and after it.
`;

const LOST = `
## Without a log

The logs of bridge, host-local, portmap and firewall can be cut at any byte, or lost with the result cache: DEL finds out what is
there by names, comments and owners. What the log alone knows is lost with it: the values that a link of the container
and its sysctls had before \`tuning\`, which end with the container's namespace anyhow.
`;

const ELSEWHERE = `
## Not in these tables

- **dummy, vlan, ipvlan, vrf**: not every kernel has links of these kinds. \`CLEAT_VM_CRASHES=all deno task test:vm
  tests/vm/crash_test.ts\` kills processes before and after each of their steps of ADD and DEL under Debian's kernel in a
  virtual machine, and compares host and containers in the same way; \`deno task test:vm\` does it at some points.
- **dhcp**: \`tests/live/dhcp_crash_test.ts\` kills the plugin at every point, bridge with it at some, and the daemon around
  all that it sends, answers and writes down. The server counts no address as leased afterwards, with one exception: a
  grant that died with the daemon before it was written down, or whose DEL found no daemon, lasts until it expires, or
  until the same attachment has it again and gives it back.
`;

/** The page. */
export const renderPage = (findings: Findings): string =>
  [
    INTRODUCTION,
    ...totals(findings),
    ELSEWHERE,
    ...findings.share.steps.flatMap((all) => tablesOf(all, findings.share.deaths)),
    LOST,
  ].join("\n");
