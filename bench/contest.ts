/** Contenders who take turns, so that what slows the machine down for a while slows all of them down. */

/** What a round took, by name: milliseconds, unless a section says otherwise. */
export type Times = Readonly<Record<string, number>>;

/** One of those that are compared. */
export interface Contender {
  readonly name: string;
  /** Does the work once and says how long its parts took. */
  readonly round: () => Promise<Times>;
  /** One that is slow and needs no warming up has one round in so many turns, instead of a block in every turn. */
  readonly every?: number;
}

/** How long a contest is. */
export interface Rounds {
  /** Rounds that are not counted: code is compiled, caches fill. */
  readonly warmUps: number;
  /** Rounds that are. */
  readonly rounds: number;
  /** Rounds of one contender before it is the next one's turn. */
  readonly block: number;
}

/** Every measurement of a contest: `of("cleat", "add")`. */
export interface Samples {
  /** All measurements of a part of a contender's round, in their order. */
  readonly of: (contender: string, part: string) => readonly number[];
  /** The parts of a contender's rounds. */
  readonly parts: (contender: string) => readonly string[];
}

/** Told after every turn how much is done, from 0 to 1. */
export type Tick = (done: number) => void;

/** How long something takes, in milliseconds. */
export async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Lets them all do their rounds. */
export async function compete(contenders: readonly Contender[], rounds: Rounds, tick: Tick): Promise<Samples> {
  const samples = new Map<string, Map<string, number[]>>(contenders.map(({ name }) => [name, new Map()]));
  const note = (name: string, times: Times) => {
    const known = samples.get(name);
    for (const [part, time] of Object.entries(times)) {
      const values = known?.get(part) ?? [];
      values.push(time);
      known?.set(part, values);
    }
  };
  const warmTurns = Math.ceil(rounds.warmUps / rounds.block);
  const turns = Math.ceil(rounds.rounds / rounds.block);
  for (let turn = -warmTurns; turn < turns; turn++) {
    for (const { name, round, every } of contenders) {
      if (every !== undefined && (turn < 0 ? turn !== -1 : turn % every !== 0)) continue;
      for (let i = 0; i < (every === undefined ? rounds.block : 1); i++) {
        const times = await round();
        if (turn >= 0) note(name, times);
      }
    }
    tick((turn + warmTurns + 1) / (warmTurns + turns));
  }
  return {
    of: (contender, part) => samples.get(contender)?.get(part) ?? [],
    parts: (contender) => [...samples.get(contender)?.keys() ?? []],
  };
}
