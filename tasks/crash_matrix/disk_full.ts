/** A disk that is full from some append on: ADD fails and leaves nothing, DEL goes on from memory. */
import * as Effect from "effect/Effect";
import { watchedLayer } from "../../tests/support/dying_layer.ts";
import { leftBehind, World } from "../../tests/support/dying_world.ts";
import type { Recording } from "./record.ts";
import type { Scenario } from "./scenarios.ts";
import { callOf } from "./ways.ts";

/** Size of the file system that holds the log: a few times what one attachment needs. */
const SIZE = "512k";

/** A world whose log is on a small disk of its own, which ends with it. */
class SmallDisk extends World {
  constructor(scenario: Scenario) {
    super(scenario.prepare);
    Deno.mkdirSync(this.state);
    this.host.must(`mount -t tmpfs -o size=${SIZE} tmpfs ${this.state}`);
  }

  /** Not a byte is left. */
  fill(): void {
    Deno.mkdirSync(`${this.state}/full`, { recursive: true });
    using file = Deno.openSync(`${this.state}/full/file`, { write: true, create: true });
    try {
      for (const chunk = new Uint8Array(4096);;) file.writeSync(chunk);
    } catch (error) {
      if (!(error instanceof Error) || !/os error 28/.test(error.message)) throw error;
    }
  }

  empty(): void {
    Deno.removeSync(`${this.state}/full`, { recursive: true });
  }

  override [Symbol.dispose](): void {
    this.host.must(`umount ${this.state}`);
    super[Symbol.dispose]();
  }
}

/** The layers of the doors on a disk that is full from the n-th append on (from 0). */
const fullFrom = (world: SmallDisk, append: number) => {
  let appends = 0;
  return watchedLayer(world.state, ({ kind }, when) =>
    Effect.sync(() => {
      if (kind === "log" && when === "before" && appends++ === append) world.fill();
    }));
};

const isOpenStream = (line: string): boolean => line.startsWith("+ stream ");

/** What is wrong once there is room again: DEL must end what the log could not tell, and all must work as before. */
async function afterwards(scenario: Scenario, world: SmallDisk, { before, after }: Recording) {
  world.empty();
  for (const verb of ["DEL", "ADD", "DEL"] as const) {
    const { error } = await world.run(callOf(scenario, world, verb));
    if (error !== null) return [`${verb} with room again failed: ${world.plain(error)}`];
  }
  return leftBehind(await world.traces(), before, after);
}

/** ADD on a disk that is full from this append on; answers what is wrong afterwards. */
export async function addOnFullDisk(scenario: Scenario, append: number, recording: Recording) {
  using world = new SmallDisk(scenario);
  const { error } = await world.run(callOf(scenario, world, "ADD"), fullFrom(world, append));
  // The last page of a file may have room for a little more: then ADD may come to its end.
  const ended = error === null ? await world.run(callOf(scenario, world, "DEL")) : null;
  const left = leftBehind(await world.traces(), recording.before, recording.after).filter((line) =>
    !isOpenStream(line)
  );
  if (ended?.error) left.push(`DEL failed: ${world.plain(ended.error)}`);
  if (append === 0 && error === null) left.push("ADD succeeded without a log");
  return [...left, ...await afterwards(scenario, world, recording)];
}

/** The same for DEL, which must succeed, and say so when it could not write down what it did. */
export async function delOnFullDisk(scenario: Scenario, append: number, recording: Recording) {
  using world = new SmallDisk(scenario);
  const added = await world.run(callOf(scenario, world, "ADD"));
  if (added.error !== null) throw new Error(`Cannot prepare DEL of ${scenario.name}: ${added.error}`);
  const { error, said } = await world.run(callOf(scenario, world, "DEL"), fullFrom(world, append));
  const found = leftBehind(await world.traces(), recording.before, recording.after);
  const left = found.filter((line) => !isOpenStream(line));
  if (error !== null) left.push(`DEL failed: ${world.plain(error)}`);
  if (found.some(isOpenStream) && !said.some((sentence) => /going on from memory/.test(sentence))) {
    left.push(`DEL did not say that it could not write its log: ${said.join(" ")}`);
  }
  return [...left, ...await afterwards(scenario, world, recording)];
}
