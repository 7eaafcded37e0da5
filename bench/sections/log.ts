/** The log: how fast it is written, folded and verified, and how much it takes. */
import * as Effect from "effect/Effect";
import { layer } from "../../mod.ts";
import { EventStore, type Stream } from "../../src/effects/log/store.ts";
import type { Recorded } from "../../src/machines/event.ts";
import { fold, replay } from "../../src/machines/evolve.ts";
import type { StreamId } from "../../src/spec/key.ts";
import { builtBin } from "../../tests/support/built.ts";
import { Lab, tree } from "../../tests/support/lab.ts";
import { dbnetIn, Library } from "../stage.ts";
import { alone, part, type Plan, type Row, type Table } from "../table.ts";

/** How many of a rate's samples are taken. */
const SAMPLES = { full: 20, quick: 5 } as const;

/** Times `count` repetitions of something that does `amount` things each; answers things per second. */
function rates(count: number, amount: number, tick: (done: number) => void, run: () => void): readonly number[] {
  return Array.from({ length: count }, (_, i) => {
    const start = performance.now();
    run();
    const seconds = (performance.now() - start) / 1000;
    tick((i + 1) / count);
    return amount / seconds;
  });
}

/** The streams of a container that was attached, checked and detached, and the bytes before and after it went. */
async function lifeOf(lab: Lab) {
  const netns = lab.container();
  await using library = await Library.open(lab, dbnetIn(lab), netns);
  const attachment = library.container("blue", netns, 8080);
  const bytes = () =>
    Object.values(tree(`${lab.state}/streams/dbnet/blue`)).reduce((sum, text) => sum + text.length, 0) / 1024;
  await library.attach(attachment);
  const attached = bytes();
  await library.inside(() => library.cleat.check(library.list, attachment));
  await library.inside(() => library.cleat.detach(library.list, attachment));
  const streams: { readonly id: StreamId; readonly records: readonly Recorded[] }[] = [];
  for (const id of await library.cleat.streams({ containerId: "blue" })) {
    streams.push({ id, records: (await library.cleat.replay(id)).map(({ record }) => record) });
  }
  return { streams, attached, detached: bytes() };
}
type Streams = Awaited<ReturnType<typeof lifeOf>>["streams"];

/** Appends, one by one, to a stream of its own: ADD and DEL in turns. */
const appended = (lab: Lab, count: number, plan: Plan): Promise<readonly number[]> => {
  const id: StreamId = { network: "appends", containerId: "c1", ifName: "eth0", slot: "tuning" };
  const events = [{ type: "DEL" }, { type: "del.succeeded" }] as const;
  const write = (stream: Stream) =>
    rates(plan.quick ? SAMPLES.quick : SAMPLES.full, count, plan.tick, () => {
      for (let i = 0; i < count; i++) Effect.runSync(stream.append([events[i % 2 === 0 ? 0 : 1]]));
    });
  const program = Effect.flatMap(EventStore, (store) => Effect.map(store.open(id), write));
  return Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(layer({ stateDir: `${lab.folder}/appends` }))));
};

/** As many records as wanted, in whole streams of an attachment's life. */
const folded = (
  streams: Streams,
  wanted: number,
  plan: Plan,
  run: (records: readonly Recorded[], id: StreamId) => unknown,
) => {
  const each = streams.reduce((sum, { records }) => sum + records.length, 0);
  const samples = plan.quick ? SAMPLES.quick : SAMPLES.full;
  const lives = Math.ceil(wanted / samples / each);
  return rates(samples, lives * each, plan.tick, () => {
    for (let life = 0; life < lives; life++) for (const { id, records } of streams) run(records, id);
  });
};

/** Reads the streams from their files, which checks every hash. */
const verified = async (lab: Lab, streams: Streams, times: number, plan: Plan): Promise<readonly number[]> => {
  const each = streams.reduce((sum, { records }) => sum + records.length, 0);
  const read = Effect.map(
    EventStore,
    (store) =>
      rates(plan.quick ? SAMPLES.quick : SAMPLES.full, times * each, plan.tick, () => {
        for (let i = 0; i < times; i++) for (const { id } of streams) Effect.runSync(store.read(id));
      }),
  );
  return await Effect.runPromise(read.pipe(Effect.provide(layer({ stateDir: lab.state }))));
};

/** Measures the log. */
export async function log(plan: Plan): Promise<Table> {
  using lab = new Lab(await builtBin());
  const { streams, attached, detached } = await lifeOf(lab);
  const million = plan.quick ? 50_000 : 1_000_000;
  folded(streams, million / 20, { ...plan, tick: () => {} }, fold);
  const appends = await appended(lab, plan.quick ? 500 : 1_000, part(plan, 0, 0.25));
  const folds = folded(streams, million, part(plan, 0.25, 0.5), fold);
  const replays = folded(streams, million, part(plan, 0.5, 0.75), replay);
  const reads = await verified(lab, streams, plan.quick ? 20 : 100, part(plan, 0.75, 1));
  const rows: readonly Row[] = [
    ...alone("log.append", "records appended, one by one", "/s", appends),
    ...alone("log.fold", "records folded", "/s", folds),
    ...alone("log.replay", "records replayed, with the state around each", "/s", replays),
    ...alone("log.verify", "records read and verified", "/s", reads),
    ...alone("log.size.attached", "log of a container on dbnet, attached", "kB", [attached]),
    ...alone("log.size.detached", "the same, checked and detached", "kB", [detached]),
  ];
  return {
    id: "log",
    title: "The log",
    note:
      `Appends are writes of one record each, as plugins make them; ${
        million.toLocaleString("en")
      } records were folded and ` +
      "replayed, streams of a container on dbnet again and again.",
    rows,
  };
}
