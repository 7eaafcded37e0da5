/** Many containers: attached by one process and by sixteen, and what GC takes to remove a thousand. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import { timed } from "../contest.ts";
import { crowd } from "../crowd.ts";
import { asOne, dbnetIn, Library, type ListText, runExecutables } from "../stage.ts";
import { quantile } from "../stats.ts";
import { against, alone, part, type Plan, type Row, type Table } from "../table.ts";

/** Processes at once. */
const PROCESSES = 16;

/** Runs something for each, `atOnce` at a time. */
async function forEach<A>(items: readonly A[], atOnce: number, run: (item: A) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const item of rest) await run(item);
  }));
}

/** What one process has done: every ADD's time, containers per second for each tenth of them, and GC's time. */
interface OneProcess {
  readonly latencies: readonly number[];
  readonly rates: readonly number[];
  readonly atOnce: readonly number[];
  readonly gc: number;
}

/** Attaches `count` containers one after the other and as many at once as there may be, then collects all. */
async function oneProcess(bin: string, count: number, { tick }: Plan): Promise<OneProcess> {
  await using stack = new AsyncDisposableStack();
  const lab = stack.use(new Lab(bin));
  const library = stack.use(await Library.open(lab, dbnetIn(lab), lab.container()));
  const all = crowd(library, count);
  const latencies: number[] = [], rates: number[] = [], atOnce: number[] = [];
  const { cleat, list } = library;
  const size = count / 10;
  const gc = await library.inside(async () => {
    for (let at = 0; at < count; at += size) {
      const some = all.slice(at, at + size);
      const serial = at / size % 2 === 0; // every second tenth: the bridge grows for both alike
      const time = await timed(() =>
        forEach(some, serial ? 1 : PROCESSES, async (each) => {
          const latency = await timed(() => cleat.attach(list, each));
          if (serial) latencies.push(latency);
        })
      );
      (serial ? rates : atOnce).push(some.length / time * 1000);
      tick(at / count * 0.7);
    }
    return await timed(() => cleat.gc(list, null, { cacheDir: `${lab.folder}/cache` }));
  });
  return { latencies, rates, atOnce, gc: gc / 1000 };
}

/** ADDs per second, and the time of each, by sixteen runtimes at once that execute plugins. */
async function manyProcesses(bin: string, listOf: (lab: Lab) => ListText, count: number) {
  using lab = new Lab(bin);
  const list = listOf(lab);
  const netns = Array.from({ length: PROCESSES }, () => lab.container());
  const told = (i: number) => ({ netns: netns[i % PROCESSES] ?? lab.host, id: `c${i}`, hostPorts: [10_000 + i] });
  await runExecutables(lab, list, { ...told(0), id: "first" }, ["ADD", "DEL"]);
  const latencies: number[] = [], rates: number[] = [];
  for (let at = 0; at < count; at += PROCESSES) {
    const some = Array.from({ length: PROCESSES }, (_, i) => told(at + i));
    const time = await timed(() =>
      forEach(some, PROCESSES, async (each) => {
        const { add } = await runExecutables(lab, list, each, ["ADD"]);
        latencies.push(add ?? NaN);
      })
    );
    rates.push(PROCESSES / time * 1000);
    await forEach(some, PROCESSES, (each) => runExecutables(lab, list, each, ["DEL"]));
  }
  return { latencies, rates };
}

/** The slowest of a hundred. */
const p99 = (latencies: readonly number[]): readonly number[] => [quantile(latencies, 0.99)];

/** Measures throughput. */
export async function throughput(plan: Plan): Promise<Table> {
  const bin = await builtBin();
  const count = plan.quick ? 100 : 1_000;
  if (!plan.quick) await oneProcess(bin, 200, { ...plan, tick: () => {} }); // compiles
  const one = await oneProcess(bin, count, part(plan, 0, 0.6));
  const rounds = PROCESSES * (plan.quick ? 1 : 6);
  const many = await manyProcesses(bin, (lab) => asOne(dbnetIn(lab)), rounds);
  plan.tick(0.8);
  const go = plan.peer === null ? { latencies: [], rates: [] } : await manyProcesses(plan.peer, dbnetIn, rounds);
  const goes = "Go's chain";
  const rows: readonly Row[] = [
    ...alone("throughput.one", "ADDs in one process, one after the other", "/s", one.rates),
    ...alone("throughput.one.at-once", `ADDs in one process, ${PROCESSES} at once`, "/s", one.atOnce),
    ...alone("throughput.one.add", "ADD in one process", "ms", one.latencies),
    ...alone("throughput.one.p99", "ADD in one process, p99", "ms", p99(one.latencies)),
    ...against("throughput.many/go", "/s", { name: `ADDs by ${PROCESSES} processes of cleat`, values: many.rates }, {
      name: goes,
      values: go.rates,
    }),
    ...against("throughput.many.add/go", "ms", { name: `ADD, ${PROCESSES} at once`, values: many.latencies }, {
      name: goes,
      values: go.latencies,
    }),
    ...against(
      "throughput.many.p99/go",
      "ms",
      { name: `ADD, ${PROCESSES} at once, p99`, values: p99(many.latencies) },
      {
        name: goes,
        values: go.latencies.length === 0 ? [] : p99(go.latencies),
      },
    ),
    ...alone("throughput.gc", `GC of ${count} containers`, "s", [one.gc]),
  ];
  return {
    id: "throughput",
    title: "Many containers",
    note:
      `${count} containers on one bridge, every tenth of them by turns one after the other and ${PROCESSES} at once; then ` +
      "one GC that keeps none. Processes are those of plugins that a runtime executes; all of a run share one network.",
    rows,
  };
}
