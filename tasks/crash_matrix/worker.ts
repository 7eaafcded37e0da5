/**
 * One worker: its share of the deaths, the full disks and the lost logs, in a private world. Prints what it found as one
 * JSON document. Arguments: the script of the dying process, its number, the number of workers, and "sample" for every
 * n-th trial only.
 */
import { type Door, doorOf } from "../../tests/support/dying_process.ts";
import { record, type Recording, VERBS } from "./record.ts";
import { addOnFullDisk, delOnFullDisk } from "./disk_full.ts";
import { type Known, loseLog } from "./lost.ts";
import type { Death, FullDisk, LostLog, Share, Steps } from "./report.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { type Trial, tryAll } from "./sweep.ts";
import { ways } from "./ways.ts";

/** Attachments that one process dies for. */
const AT_ONCE = 16;

/** Of a sample every so manieth trial is made: coprime to the number of ways, so that all come up. */
const SAMPLE = 97;

/** What can only be known from the log: the values that a link and sysctls of the container had before. */
const canFindOut = ({ name }: Scenario): boolean =>
  name.startsWith("bridge") || /^(host-local|portmap|firewall|tap|bandwidth)$/.test(name);

const trialsOf = (scenario: Scenario, { steps }: Recording): readonly Trial[] => {
  const able = ways.filter(({ worksFor }) => worksFor(scenario));
  return VERBS.flatMap((verb) =>
    steps[verb].flatMap((_, step) => [2 * step, 2 * step + 1])
      .flatMap((at) => able.map((way): Trial => ({ scenario, verb, at, way })))
  );
};

const stepsOf = (scenario: Scenario, { steps }: Recording): Steps => ({
  scenario: scenario.name,
  steps,
  ways: ways.filter(({ worksFor }) => worksFor(scenario)).map(({ name }) => name),
});

/** Every `of`-th of a list, beginning with the `number`-th. */
const shareOf = <A>(all: readonly A[], number: number, of: number): readonly A[] =>
  all.filter((_, i) => i % of === number);

async function deaths(trials: readonly Trial[], recordings: ReadonlyMap<Scenario, Recording>, door: Door) {
  const found: Death[] = [];
  const recordingOf = (scenario: Scenario): Recording => {
    const recording = recordings.get(scenario);
    if (recording === undefined) throw new Error(`Cannot compare ${scenario.name}: it was not recorded`);
    return recording;
  };
  for (let at = 0; at < trials.length; at += AT_ONCE) {
    for (const { trial, left } of await tryAll(trials.slice(at, at + AT_ONCE), recordingOf, door)) {
      const { scenario, verb, at: point, way } = trial;
      found.push({ scenario: scenario.name, verb, at: point, way: way.name, left });
    }
  }
  return found;
}

/** One full disk that is to be tried. */
interface Full {
  readonly scenario: Scenario;
  readonly verb: "ADD" | "DEL";
  readonly append: number;
  readonly recording: Recording;
}

const fullDisksOf = (scenario: Scenario, recording: Recording): readonly Full[] =>
  (["ADD", "DEL"] as const).flatMap((verb) =>
    recording.steps[verb].filter(({ kind }) => kind === "log").map((_, append) => ({
      scenario,
      verb,
      append,
      recording,
    }))
  );

async function fullDisks(all: readonly Full[]): Promise<readonly FullDisk[]> {
  const found: FullDisk[] = [];
  for (const { scenario, verb, append, recording } of all) {
    const left = await (verb === "ADD" ? addOnFullDisk : delOnFullDisk)(scenario, append, recording);
    found.push({ scenario: scenario.name, verb, append, left });
  }
  return found;
}

async function lostLogs(all: readonly (readonly [Scenario, Recording])[]): Promise<readonly LostLog[]> {
  const found: LostLog[] = [];
  for (const [scenario, recording] of all) {
    for (const known of ["with the result of ADD", "without it"] satisfies readonly Known[]) {
      found.push({ scenario: scenario.name, known, left: await loseLog(scenario, known, recording) });
    }
  }
  return found;
}

const [script = "", number = "0", workers = "1", extent = ""] = Deno.args;
const recordings = new Map<Scenario, Recording>();
for (const scenario of scenarios) recordings.set(scenario, await record(scenario));
const all = [...recordings];
const [mine, of] = extent === "sample" ? [0, SAMPLE] : [Number(number), Number(workers)];
const door = doorOf(script);
const share: Share = {
  steps: all.map(([scenario, recording]) => stepsOf(scenario, recording)),
  deaths: await deaths(
    shareOf(all.flatMap(([one, recording]) => trialsOf(one, recording)), mine, of),
    recordings,
    door,
  ),
  disks: await fullDisks(shareOf(all.flatMap(([one, recording]) => fullDisksOf(one, recording)), mine, of)),
  lost: await lostLogs(shareOf(all.filter(([one]) => canFindOut(one)), mine, of)),
};
await new Blob([JSON.stringify(share)]).stream().pipeTo(Deno.stdout.writable);
