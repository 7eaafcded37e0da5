/** What a runtime that executes plugins waits for: each plugin, and dbnet as three executables and as one. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import { compete, type Contender, type Samples } from "../contest.ts";
import { asOne, dbnetIn, type ListText, runExecutables } from "../stage.ts";
import { against, type Plan, type Row, side, type Table } from "../table.ts";

const VERBS = ["ADD", "DEL"] as const;

/** ADD and DEL of a list by the executables of a folder, on a host of its own. */
function executables(stack: DisposableStack, name: string, bin: string, listOf: (lab: Lab) => ListText): Contender {
  const lab = stack.use(new Lab(bin));
  const list = listOf(lab);
  const netns = lab.container();
  let count = 0;
  const round = async () => {
    const times = await runExecutables(lab, list, { netns, id: `c${count++}`, hostPorts: [8080] }, VERBS);
    return { ...times, pair: (times["add"] ?? NaN) + (times["del"] ?? NaN) };
  };
  return { name, round };
}

/** host-local alone, as a plugin of the first rank. */
const leaseOnly = (lab: Lab): ListText => {
  const { cniVersion, plugins: [bridge] } = dbnetIn(lab);
  return { cniVersion, name: "leases", plugins: [{ type: "host-local", ipam: bridge?.["ipam"] ?? null }] };
};

const compared = (samples: Samples, what: string, own: readonly [string, string], other: readonly [string, string]) => {
  const id = `exec.${what.toLowerCase().replaceAll(/[ ,+]+/g, "-")}/go`;
  return against(id, "ms", side(samples, ...own, what), side(samples, ...other, "Go's"));
};

const rowsOf = (samples: Samples): readonly Row[] => [
  ...["add", "del", "pair"].flatMap((part) => {
    const verb = part === "pair" ? "ADD+DEL" : part.toUpperCase();
    return [
      ...compared(samples, `chain ${verb}`, ["three", part], ["go", part]),
      ...compared(samples, `cleat ${verb}`, ["one", part], ["go", part]),
    ];
  }),
  ...["bridge", "tuning", "portmap"].flatMap((type) =>
    VERBS.flatMap((verb) => {
      const part = `${type} ${verb.toLowerCase()}`;
      return compared(samples, `${type} ${verb}`, ["three", part], ["go", part]);
    })
  ),
  ...VERBS.flatMap((verb) => {
    const part = verb.toLowerCase();
    return compared(samples, `host-local ${verb}`, ["leases", part], ["go's leases", part]);
  }),
];

/** Measures the executables. */
export async function exec({ quick, peer, tick }: Plan): Promise<Table> {
  using stack = new DisposableStack();
  const bin = await builtBin();
  const contenders = [
    executables(stack, "three", bin, dbnetIn),
    executables(stack, "one", bin, (lab) => asOne(dbnetIn(lab))),
    executables(stack, "leases", bin, leaseOnly),
    ...(peer === null ? [] : [
      executables(stack, "go", peer, dbnetIn),
      executables(stack, "go's leases", peer, leaseOnly),
    ]),
  ];
  const rounds = quick ? { warmUps: 1, rounds: 5, block: 1 } : { warmUps: 2, rounds: 31, block: 1 };
  const samples = await compete(contenders, rounds, tick);
  return {
    id: "exec",
    title: "As executables",
    note:
      "One container on dbnet, every plugin a process: from its start to its end, as its runtime sees it. `chain` is " +
      "three executables in a row (Go's bridge starts a fourth, host-local), `cleat` the same chain as one plugin.",
    rows: rowsOf(samples),
  };
}
