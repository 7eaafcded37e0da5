/** What an attachment costs on a host that has many already: of leases, of host ports, of containers on the bridge. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import { compete, type Contender, type Rounds, type Samples } from "../contest.ts";
import { containers, goPorts, leases, ports } from "../crowd.ts";
import { bare } from "../floor.ts";
import { dbnetIn, Library, only, runExecutables } from "../stage.ts";
import { against, alone, part, type Plan, type Row, side, type Table } from "../table.ts";

/** How many there are; the first is what the others are compared with. */
const SIZES = {
  full: { leases: [1, 100, 1_000, 10_000, 60_000], ports: [1, 100, 1_000, 10_000], containers: [1, 100, 1_000] },
  quick: { leases: [1, 5_000], ports: [1, 2_000], containers: [1, 100] },
} as const;

/** Sizes at which Go's plugins are measured, too: beyond them one round takes seconds. */
const GO_PORTS_MAX = 1_000;

/** A crowd, and how it comes about. */
type Crowd = keyof typeof SIZES["full"];

type Stack = AsyncDisposableStack;

/** The library on a host that is full; of containers, for which the kernel has more to do, its requests alone as well. */
async function library(
  stack: Stack,
  bin: string,
  crowd: Crowd,
  size: number,
  plan: Plan,
): Promise<readonly Contender[]> {
  const lab = stack.use(new Lab(bin));
  const netns = lab.container();
  const list = dbnetIn(lab);
  if (crowd === "leases") leases(lab, list.name, size);
  const one = stack.use(await Library.open(lab, list, netns));
  if (crowd === "ports") await ports(one, netns, size);
  if (crowd === "containers") await containers(one, size, plan.tick);
  let count = 0;
  const own = { name: `${size}`, round: () => one.pair(one.container(`c${count++}`, netns, 8080)) };
  return crowd === "containers" ? [own, await bare(stack, `bare ${size}`, one, netns)] : [own];
}

/** What of Go's suite grows: host-local with leases, portmap with ports. Its executables, since that is all there is. */
async function executables(stack: Stack, peer: string, crowd: Crowd, size: number): Promise<Contender> {
  const lab = stack.use(new Lab(peer));
  const netns = lab.container();
  const list = dbnetIn(lab);
  const told = { netns, hostPorts: [8080] };
  if (crowd === "leases") leases(lab, list.name, size);
  await runExecutables(lab, list, { ...told, id: "first", hostPorts: [9000] }, ["ADD"]);
  if (crowd === "ports") goPorts(lab.host, size);
  await runExecutables(lab, list, { ...told, id: "first", hostPorts: [9000] }, ["DEL"]);
  const some = crowd === "leases" ? only(list, "bridge") : list;
  let count = 0;
  return {
    name: `go ${size}`,
    round: () => runExecutables(lab, some, { ...told, id: `c${count++}` }, ["ADD", "DEL"]),
    every: 2,
  };
}

const WORDS: Readonly<Record<Crowd, readonly [string, string]>> = {
  leases: ["lease", "leases"],
  ports: ["host port", "host ports"],
  containers: ["container on the bridge", "containers on the bridge"],
};

const worded = (crowd: Crowd, size: number): string =>
  `${size.toLocaleString("en")} ${WORDS[crowd][size === 1 ? 0 : 1]}`;

/** Whose numbers they are, by how the names of contenders begin. */
const WHOSE = { "": "", "go ": "Go's ", "bare ": "bare requests: " } as const;

/** The rows of one side: the first size alone, the others beside it. */
const sizes = (samples: Samples, crowd: Crowd, own: readonly number[], whose: keyof typeof WHOSE): readonly Row[] =>
  ["add", "del"].flatMap((verb) =>
    own.flatMap((size, i) => {
      const id = `growth.${whose.replace(" ", ".")}${crowd}.${size}.${verb}`;
      const its = side(
        samples,
        `${whose}${size}`,
        verb,
        `${WHOSE[whose]}${verb.toUpperCase()} with ${worded(crowd, size)}`,
      );
      if (i === 0) return alone(id, its.name, "ms", its.values);
      return against(id, "ms", its, side(samples, `${whose}${own[0]}`, verb, `with ${own[0]}`));
    })
  );

async function crowded(bin: string, crowd: Crowd, rounds: Rounds, plan: Plan): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const own = plan.quick ? SIZES.quick[crowd] : SIZES.full[crowd];
  const contenders: Contender[] = [];
  for (const size of own) contenders.push(...await library(stack, bin, crowd, size, part(plan, 0, 0.4)));
  const goes = plan.peer === null || plan.quick || crowd === "containers"
    ? []
    : own.filter((size) => crowd === "leases" || size <= GO_PORTS_MAX);
  for (const size of goes) contenders.push(await executables(stack, plan.peer ?? "", crowd, size));
  const samples = await compete(contenders, rounds, part(plan, 0.4, 1).tick);
  const bareSizes = crowd === "containers" ? own : [];
  return [
    ...sizes(samples, crowd, own, ""),
    ...sizes(samples, crowd, bareSizes, "bare "),
    ...sizes(samples, crowd, goes, "go "),
  ];
}

/** Measures growth. */
export async function growth(plan: Plan): Promise<Table> {
  const bin = await builtBin();
  const rounds = plan.quick ? { warmUps: 12, rounds: 16, block: 4 } : { warmUps: 20, rounds: 32, block: 4 };
  const rows = [
    ...await crowded(bin, "leases", rounds, part(plan, 0, 0.33)),
    ...await crowded(bin, "ports", rounds, part(plan, 0.33, 0.66)),
    ...await crowded(bin, "containers", rounds, part(plan, 0.66, 1)),
  ];
  return {
    id: "growth",
    title: "On a full host",
    note:
      "ADD and DEL of one more container on dbnet through the library, each size on a host of its own, in turns. Go's " +
      "executables are beside it where they grow: bridge with host-local for leases, the chain for host ports.",
    rows,
  };
}
