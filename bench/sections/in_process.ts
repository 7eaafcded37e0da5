/** What attaching costs inside a long-lived process, beside its kernel requests alone and Go's chain. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import { compete, type Contender, type Samples, type Times } from "../contest.ts";
import { bare } from "../floor.ts";
import { against, alone, part, type Plan, type Row, side, type Table } from "../table.ts";
import { dbnetIn, Library, only, runExecutables } from "../stage.ts";

/** Attachments before V8 has compiled, for good, what the library does in one. */
const WARM_UPS = { full: 400, quick: 40 } as const;

/** Parts of dbnet, to see what each plugin adds. */
const PARTS: readonly (readonly string[])[] = [["bridge"], ["bridge", "tuning"], ["bridge", "portmap"]];

const nameOf = (types: readonly string[]): string => types.join(" + ").replace("bridge", "bridge with host-local");

/** A contender for each part of dbnet, and one for all of it. */
async function libraries(stack: AsyncDisposableStack, lab: Lab, plan: Plan): Promise<readonly Contender[]> {
  const contenders: Contender[] = [];
  for (const types of [["bridge", "tuning", "portmap"], ...PARTS]) {
    const netns = lab.container();
    const list = { ...only(dbnetIn(lab), ...types), name: `net${contenders.length}` };
    const library = await Library.open(lab, list, netns);
    stack.use(library);
    let count = 0;
    const round = (): Promise<Times> => library.verbs(library.container(`c${count++}`, netns, 8080));
    const whole = types.length === 3;
    contenders.push({ name: nameOf(types), round, ...(whole ? {} : { every: plan.quick ? 2 : 1 }) });
    const warmUps = whole ? WARM_UPS[plan.quick ? "quick" : "full"] : 0;
    for (let i = 0; i < warmUps; plan.tick(++i / warmUps)) await round();
  }
  return contenders;
}

const DBNET = nameOf(["bridge", "tuning", "portmap"]);

const VERBS = ["add", "check", "del"] as const;

const GO = "Go's three executables";

const rowsOf = (samples: Samples): readonly Row[] => {
  const own = (verb: string) => side(samples, DBNET, verb, `dbnet ${verb.toUpperCase()}`);
  const requests = samples.parts("bare").filter((name) => name.includes(" "));
  return [
    ...against("in-process.add/floor", "ms", own("add"), side(samples, "bare", "add", "its kernel requests, bare")),
    ...against("in-process.del/floor", "ms", own("del"), side(samples, "bare", "del", "its kernel requests, bare")),
    ...VERBS.flatMap((verb) => against(`in-process.${verb}/go`, "ms", own(verb), side(samples, "go", verb, GO))),
    ...PARTS.flatMap((types) =>
      VERBS.flatMap((verb) =>
        alone(
          `in-process.${types.at(-1)}.${verb}`,
          `${nameOf(types)}: ${verb.toUpperCase()}`,
          "ms",
          samples.of(nameOf(types), verb),
        )
      )
    ),
    ...requests.flatMap((name) => {
      const [verb = "", op = ""] = name.split(" ");
      const of = verb === "add" ? "ADD" : "DEL";
      return alone(`in-process.${verb}.${op}`, `bare, all ${op} of ${of}`, "ms", samples.of("bare", name));
    }),
  ];
};

/** Measures dbnet's verbs in this process. */
export async function inProcess(plan: Plan): Promise<Table> {
  const { quick, peer } = plan;
  await using stack = new AsyncDisposableStack();
  const bin = await builtBin();
  const lab = stack.use(new Lab(bin));
  const own = await libraries(stack, lab, part(plan, 0, 0.4));
  // The floor has a host of its own: same names, no quarrel.
  const ground = stack.use(new Lab(bin));
  const netns = ground.container();
  const library = stack.use(await Library.open(ground, dbnetIn(ground), netns));
  const contenders = [...own, await bare(stack, "bare", library, netns)];
  if (peer !== null) {
    const go = stack.use(new Lab(peer));
    const told = { netns: go.container(), id: "c1", hostPorts: [8080] };
    const round = () => runExecutables(go, dbnetIn(go), told, ["ADD", "DEL"]);
    contenders.push({ name: "go", round, every: 3 });
  }
  const rounds = { warmUps: 20, rounds: quick ? 30 : 150, block: 5 };
  const samples = await compete(contenders, rounds, part(plan, 0.4, 1).tick);
  return {
    id: "in-process",
    title: "In one process",
    note:
      "One container on dbnet with a MAC address and a host port, through the library, warm. The floor is what the " +
      "log says was asked of the kernel, sent again with nothing around it. Of each op of the floor, all requests of one verb together. Go's portmap refuses CHECK of a container " +
      "without an IPv6 address, so there is no number for it.",
    rows: rowsOf(samples),
  };
}
