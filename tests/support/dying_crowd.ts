/**
 * Many attachments of one host that die together, each at a point of its own: cheaper than a host for each, where a
 * kernel is emulated or a server stands beside them. Each is a network of its own, so that its log, its pool and its GC are.
 */
import * as Effect from "effect/Effect";
import { systemLayer } from "../../src/cli/layers.ts";
import { recipes } from "../../src/plugins/recipes.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { Call, Verb } from "./dying_call.ts";
import type { Job } from "./dying_door.ts";
import { watchedLayer } from "./dying_layer.ts";
import { die, doorOf, scriptBeside } from "./dying_process.ts";
import { type Ended, endOfCall, endOfRecovery, leftBehind, openStreams, type Traces, tracesOf } from "./dying_world.ts";
import { type Lab, leasesIn, tree } from "./lab.ts";
import type { Netns } from "./netns.ts";

/** One attachment. */
export interface Member {
  readonly plugin: string;
  readonly netns: Netns;
  /** Folder of its log. */
  readonly state: string;
  /** The request config. No other member has its name. */
  readonly config: JsonObject;
}

/** An attachment, and where it dies. */
export interface Death {
  readonly member: Member;
  readonly verb: "ADD" | "DEL";
  /** Points 2n and 2n + 1 are before and after step n. */
  readonly at: number;
}

/** How the host recovers: every member by a verb of its own, or all of them at once, and then DEL. */
export type Recovery = ((death: Death) => "DEL" | "GC" | "ADD") | "recover";

const callOf = (lab: Lab, { plugin, netns, config }: Member, verb: Verb): Call => ({
  plugin,
  verb,
  netns: netns.path,
  path: "",
  config: verb === "GC" ? { ...config, "cni.dev/valid-attachments": [] } : config,
  cacheDir: `${lab.folder}/cache`,
});

const nameOf = ({ member, verb, at }: Death): string =>
  `${member.config.name}: ${verb} died ${at % 2 === 0 ? "before" : "after"} step ${(at >> 1) + 1}`;

/** What a member does, one after the other. */
export type Run = readonly [Member, ...Verb[]];

/**
 * Starts members one after the other, and runs each until a verb of its fails; `started` is awaited before the next. Answers
 * how the last verb that each ran has ended.
 */
export const runAll = (
  lab: Lab,
  runs: readonly Run[],
  started: (run: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<readonly Ended[]> => {
  const run = async ([member, ...verbs]: Run): Promise<Ended> => {
    let end: Ended = { error: null, result: null, said: [] };
    for (const verb of verbs) {
      if (end.error === null) end = await endOfCall(callOf(lab, member, verb), systemLayer(member.state, recipes));
    }
    return end;
  };
  return lab.host.stay(async () => {
    const ends: Promise<Ended>[] = [];
    for (const [i, each] of runs.entries()) {
      ends.push(run(each));
      await started(i);
    }
    return await Promise.all(ends);
  });
};

/** Runs members one by one, which must succeed, or fail for a reason that is expected; answers how they ended. */
export async function mustAll(
  lab: Lab,
  runs: readonly Run[],
  expected: RegExp | null = null,
): Promise<readonly Ended[]> {
  const ends: Ended[] = [];
  for (const run of runs) ends.push(...await runAll(lab, [run]));
  const failures = ends.flatMap(({ error }, i) =>
    error === null || expected?.test(error)
      ? []
      : [`${runs[i]?.slice(1)} of ${runs[i]?.[0].config.name} failed: ${error}`]
  );
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return ends;
}

/** How many points a whole life has; it leaves what every life does. */
export async function pointsOf(lab: Lab, member: Member): Promise<Readonly<Record<"ADD" | "DEL", number>>> {
  const count = async (verb: Verb): Promise<number> => {
    let points = 0;
    const layer = watchedLayer(member.state, () => Effect.sync(() => void points++));
    const { error } = await lab.host.stay(() => endOfCall(callOf(lab, member, verb), layer));
    if (error !== null) throw new Error(`${verb} of ${member.config.name} failed: ${error}`);
    return points;
  };
  return { ADD: await count("ADD"), DEL: await count("DEL") };
}

/** What is there of a host, and of the containers of some members: everything but leases and the log. */
export interface Looks {
  readonly host: Traces;
  readonly containers: ReadonlyMap<Member, Traces>;
}

/** Looks at the host and at the containers. */
export const looksOf = (lab: Lab, members: readonly Member[]): Looks => ({
  host: tracesOf("host", lab.host),
  containers: new Map(members.map((member) => [member, tracesOf("container", member.netns)])),
});

/** What is not as it was: lines of the host and the containers, leases, open streams. `after`: the host after a whole life. */
export async function leftOf(lab: Lab, before: Looks, after: Traces): Promise<readonly string[]> {
  const members = [...before.containers.keys()];
  const now = looksOf(lab, members);
  const states = [...new Set(members.map(({ state }) => state))];
  const streams = await Promise.all(states.map(openStreams));
  return [
    ...leftBehind(now.host, before.host, after),
    ...members.flatMap((member) => {
      const was = before.containers.get(member) ?? [];
      return leftBehind(now.containers.get(member) ?? [], was, was).map((line) => `${member.config.name}: ${line}`);
    }),
    ...Object.keys(leasesIn(lab.leases)).map((path) => `+ lease ${path}`),
    ...states.flatMap((state) => Object.keys(tree(`${state}/dhcp`)).map((path) => `+ book ${path}`)),
    ...streams.flat(),
  ];
}

async function recover(lab: Lab, deaths: readonly Death[], recovery: Recovery): Promise<void> {
  if (recovery !== "recover") {
    const runs = deaths.map((death) => [death.member, recovery(death)] as const);
    const again = runs.filter(([, verb]) => verb === "ADD");
    await mustAll(lab, runs.filter(([, verb]) => verb !== "ADD"));
    // What was complete before the process died is attached, and says so.
    await mustAll(lab, again, /already attached/);
    return void await mustAll(lab, again.map(([member]) => [member, "DEL"]));
  }
  const states = new Set(deaths.map(({ member }) => member.state));
  for (const state of states) {
    const layer = systemLayer(state, recipes);
    const { error } = await lab.host.stay(() => endOfRecovery(`${lab.folder}/cache`, layer));
    if (error !== null) throw new Error(`recover failed: ${error}`);
  }
  await mustAll(lab, deaths.map(({ member }) => [member, "DEL"]));
}

/**
 * All members die, the host recovers, and a new ADD and DEL of each works. Answers what was left, after which of both.
 * `others` tells at each look what others on the host still hold for them.
 */
export async function tryDeaths(
  lab: Lab,
  deaths: readonly Death[],
  { recovery, after, others = () => Promise.resolve([]) }: {
    readonly recovery: Recovery;
    readonly after: Traces;
    readonly others?: () => Promise<readonly string[]>;
  },
): Promise<readonly string[]> {
  const members = deaths.map(({ member }) => member);
  const before = looksOf(lab, members);
  await mustAll(lab, deaths.filter(({ verb }) => verb === "DEL").map(({ member }) => [member, "ADD"]));
  const jobs = deaths.map(({ member, verb, at }): Job => ({
    host: lab.host.path,
    state: member.state,
    call: callOf(lab, member, verb),
    at,
  }));
  await die(doorOf(scriptBeside("dying_door")), jobs);
  try {
    await recover(lab, deaths, recovery);
    const left = [...await leftOf(lab, before, after), ...await others()];
    if (left.length > 0) return left;
    await mustAll(lab, members.map((member) => [member, "ADD"]));
    await mustAll(lab, members.map((member) => [member, "DEL"]));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\nafter:\n${deaths.map(nameOf).join("\n")}`);
  }
  return [...await leftOf(lab, before, after), ...await others()].map((line) => `after a new ADD and DEL: ${line}`);
}
