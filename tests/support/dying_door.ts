/**
 * A process that dies by SIGKILL in the middle of its work. It reads jobs from stdin, takes each to its point on a host
 * of its own, leaves it there as it is, says how each came along, and kills itself: sockets, locks and files of all of
 * them end with the process, as they do in any crash.
 */
import * as Effect from "effect/Effect";
import { files, O_RDONLY } from "../../src/effects/libc/files.ts";
import { libcFunction } from "../../src/effects/libc/ffi.ts";
import { type Call, carryOut } from "./dying_call.ts";
import { type Watch, watchedLayer } from "./dying_layer.ts";

/** A verb, and the point at which it stops. */
export interface Job {
  /** The network namespace that is its host's, as a path. */
  readonly host: string;
  /** Folder of the log. */
  readonly state: string;
  readonly call: Call;
  /** Number of the point, from 0: points 2n and 2n + 1 are before and after step n. */
  readonly at: number;
}

const CLONE_NEWNET = 0x4000_0000; // linux/sched.h
const setns = libcFunction("setns", { parameters: ["i32", "i32"], result: "i32" });

/** Takes the thread into a namespace for good. */
const enter = (path: string): void => {
  const fd = files.open(path, O_RDONLY);
  if (fd === null || setns().call(fd, CLONE_NEWNET) !== 0) throw new Error(`Cannot enter "${path}"`);
  files.close(fd);
};

/** Runs to the point, where the verb stays for ever; answers how it ended where it has ended before. */
const takeThere = (job: Job): Promise<string> => {
  enter(job.host);
  const { promise: arrival, resolve: arrive } = Promise.withResolvers<string>();
  let points = 0;
  const watch: Watch = () =>
    Effect.suspend(() => {
      if (points++ !== job.at) return Effect.void;
      arrive("arrived");
      return Effect.never;
    });
  const run = Effect.provide(carryOut(job.call), watchedLayer(job.state, watch));
  const end = Effect.runPromise(run).then(() => `ended after ${points} points`, (error) => `failed: ${error.message}`);
  return Promise.race([arrival, end]);
};

if (import.meta.main) {
  const jobs: readonly Job[] = JSON.parse(await new Response(Deno.stdin.readable).text());
  const ends: string[] = [];
  for (const job of jobs) ends.push(await takeThere(job));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(ends)));
  Deno.kill(Deno.pid, "SIGKILL");
}
