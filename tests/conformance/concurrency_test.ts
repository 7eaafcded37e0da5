/** Verbs at once: those of one attachment keep their order, those of different containers do not wait for each other. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Hold, type Stop, type Watch, watchGate, watchTries } from "../support/hold.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { command, type Ended, library, type Verb } from "../support/runtimes.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth or ip");

/** A bridge whose addresses come from a plugin that can be stopped. */
const NETWORK = {
  cniVersion: "1.0.0",
  name: "held",
  plugins: [{ type: "bridge", bridge: "brheld", ipam: { type: "hold" } }, { type: "tuning", mtu: 1400 }],
};

/** Runs a verb for a container. */
type Act = (verb: Verb, id: string) => Promise<Ended>;

/** What a test works with; `turn` is the file that is locked while a verb of the container c1 runs. */
interface Stage {
  readonly lab: Lab;
  readonly hold: Hold;
  readonly act: Act;
  readonly turn: string;
}

/** Who runs the verbs, and what it locks first in the state folder. */
interface Actor {
  readonly name: string;
  readonly locks: string;
  readonly play: (lab: Lab, path: string, scene: (act: Act) => Promise<void>) => Promise<void>;
}

/** Namespaces by container. */
const namespaces = (lab: Lab) => {
  const made = new Map<string, ReturnType<Lab["container"]>>();
  return (id: string) => {
    const netns = made.get(id) ?? lab.container();
    made.set(id, netns);
    return netns;
  };
};

const ofRuntime = ({ name, use }: typeof library): Actor => ({
  name,
  locks: "locks/held.lock",
  play: (lab, path, scene) => {
    Deno.writeTextFileSync(`${lab.folder}/held.conflist`, JSON.stringify(NETWORK));
    const netns = namespaces(lab);
    return use(lab, (run) => scene((verb, id) => run(verb, { path, network: "held", netns: netns(id), id })));
  },
});

const bridge: Actor = {
  name: "the bridge executable",
  locks: "streams/held/c1/eth0/bridge.jsonl",
  play: (lab, CNI_PATH, scene) => {
    const netns = namespaces(lab);
    const { cniVersion, name, plugins: [plugin] } = NETWORK;
    return scene(async (verb, id) => {
      const config = { cniVersion, name, ...plugin, ...(verb === "CHECK" ? { prevResult: { cniVersion } } : {}) };
      const ran = await lab.call("bridge", { verb, config, netns: netns(id), id, env: { CNI_PATH } });
      return { failure: ran.code === 0 ? null : ran.stderr, printed: null };
    });
  },
};

/** A test with each actor. */
const forEach = (
  sentence: (name: string) => string,
  scene: (stage: Stage) => Promise<void>,
  actors: readonly Actor[] = [ofRuntime(library), ofRuntime(command), bridge],
): void => {
  for (const { name, locks, play } of actors) {
    Deno.test({
      ...live(sentence(name)),
      async fn() {
        using lab = new Lab(bin);
        const hold = new Hold(`${lab.folder}/hold`);
        const turn = `${lab.state}/${locks}`;
        await play(lab, `${hold.folder}:${bin}`, (act) => scene({ lab, hold, act, turn }));
        await lab.isClean("brheld");
      },
    });
  }
};

/** Waits for something that must happen before a verb ends. */
async function meanwhile(running: Promise<Ended>, event: Promise<void>, what: string): Promise<void> {
  let isOver = false;
  const over = running.then(({ failure }) => {
    if (!isOver) throw new Error(`it ended before ${what}: ${failure ?? "it succeeded"}`);
  });
  await Promise.race([event, over]);
  isOver = true;
}

/** Waits until a verb has come to where it is held. */
const isHeld = (stop: Stop, running: Promise<Ended>): Promise<void> => meanwhile(running, stop.here(), "it was held");

/** A verb for a container. */
type Step = readonly [Verb, string];

/** What runs ahead and where it is held, what comes while it is, and how one sees that this waits. */
interface Order {
  readonly ahead: Step;
  readonly held?: Step;
  readonly behind: Step;
  readonly waits?: (turn: string) => Watch;
}

/** Lets the verb ahead go as soon as the one behind waits for it; answers why they failed. */
async function inTurn({ hold, act, turn }: Stage, { ahead, held = ahead, behind, waits = watchTries }: Order) {
  using stop = hold.at(...held);
  const first = act(...ahead);
  await isHeld(stop, first);
  const watch = waits(turn);
  const second = act(...behind);
  try {
    await meanwhile(second, watch.seen, "it had waited for the other");
  } finally {
    watch.stop();
    stop.go();
  }
  return [(await first).failure, (await second).failure];
}

const fine = async (ending: Promise<Ended>): Promise<void> => assert.equal((await ending).failure, null);

const ADD: Step = ["ADD", "c1"];
const DEL: Step = ["DEL", "c1"];

/** What the address plugin does in these verbs, one after the other. */
const inOrder = (...steps: readonly Step[]): readonly string[] =>
  steps.map((step) => step.join(" ")).flatMap((call) => [call, `${call} ends`]);

forEach(
  (name) => `[C7] ${name}: a second ADD of one attachment waits for the first, and is refused then`,
  async (stage) => {
    const [first, second] = await inTurn(stage, { ahead: ADD, behind: ADD });
    assert.equal(first, null);
    assert.match(second ?? "", /"c1".*already attached; run DEL first/);
    await fine(stage.act(...DEL));
    assert.deepEqual(stage.hold.calls(), inOrder(ADD, DEL));
  },
);

forEach(
  (name) => `${name}: a DEL during an ADD of the same attachment waits for it, and takes everything back then`,
  async (stage) => {
    assert.deepEqual(await inTurn(stage, { ahead: ADD, behind: DEL }), [null, null]);
    assert.deepEqual(stage.hold.calls(), inOrder(ADD, DEL));
  },
);

forEach(
  (name) => `${name}: an ADD during a DEL of the same attachment waits for it, and attaches then`,
  async (stage) => {
    await fine(stage.act(...ADD));
    assert.deepEqual(await inTurn(stage, { ahead: DEL, behind: ADD }), [null, null]);
    await fine(stage.act(...DEL));
    assert.deepEqual(stage.hold.calls(), inOrder(ADD, DEL, ADD, DEL));
  },
);

forEach(
  (name) => `[C2] ${name}: while the ADD of one container is held up, another is attached and detached`,
  async ({ hold, act }) => {
    using stop = hold.at(...ADD);
    const first = act(...ADD);
    await isHeld(stop, first);
    await fine(act("ADD", "c2"));
    await fine(act("DEL", "c2"));
    stop.go();
    await fine(first);
    assert.equal(hold.calls().at(-1), "ADD c1 ends");
    await fine(act(...DEL));
  },
);

const GC: Step = ["GC", "c1"];
const runtimes = [ofRuntime(library), ofRuntime(command)];

forEach(
  (name) => `[C3] ${name}: a GC that knows of no container waits for an ADD under way, and spares what it made`,
  async (stage) => {
    assert.deepEqual(await inTurn(stage, { ahead: ADD, behind: GC, waits: watchGate }), [null, null]);
    assert.deepEqual(stage.hold.calls(), inOrder(ADD));
    await fine(stage.act("CHECK", "c1"));
    await fine(stage.act(...GC));
    assert.deepEqual(stage.hold.calls(), inOrder(ADD, ["CHECK", "c1"], DEL));
  },
  runtimes,
);

forEach(
  (name) => `[C3] ${name}: an ADD that comes during a GC of its network waits for it, and attaches then`,
  async (stage) => {
    await fine(stage.act("ADD", "dead"));
    assert.deepEqual(await inTurn(stage, { ahead: GC, held: ["DEL", "dead"], behind: ADD }), [null, null]);
    assert.deepEqual(stage.hold.calls(), inOrder(["ADD", "dead"], ["DEL", "dead"], ADD));
    await fine(stage.act("CHECK", "c1"));
    await fine(stage.act(...DEL));
  },
  runtimes,
);

for (const runtime of [library, command]) {
  Deno.test({
    ...live(
      `[I33] ${runtime.name}: six interfaces of one container, on two networks, are attached and detached at once`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      for (const [name, subnet] of [["net0", "10.20.0.0/24"], ["net1", "10.21.0.0/24"]] as const) {
        const plugins = [{ type: "bridge", bridge: name, ipam: ipamIn(lab, subnet) }, { type: "tuning", mtu: 1400 }];
        Deno.writeTextFileSync(
          `${lab.folder}/${name}.conflist`,
          JSON.stringify({ cniVersion: "1.0.0", name, plugins }),
        );
      }
      const orders = Array.from({ length: 6 }, (_, i) => {
        return { path: bin, network: `net${i % 2}`, netns, id: "c1", ifName: `eth${i}` };
      });
      const links = () =>
        netns.must("ip -o link").trimEnd().split("\n").map((line) => /: ([^:@]+)/.exec(line)?.[1]).sort();
      await runtime.use(lab, async (run) => {
        for (const verb of ["ADD", "CHECK", "DEL"] as const) {
          const endings = await Promise.all(orders.map((order) => run(verb, order)));
          assert.deepEqual(endings.map(({ failure }) => failure), orders.map(() => null), verb);
          assert.deepEqual(links(), verb === "DEL" ? ["lo"] : [...orders.map(({ ifName }) => ifName), "lo"]);
        }
      });
      await lab.isClean("net0", "net1");
    },
  });
}
