/** What attaching costs inside a long-lived process: dbnet through the library, against its kernel requests alone. */
import * as Effect from "effect/Effect";
import { Cleat } from "../mod.ts";
import { type HostShape, Kernel } from "../src/effects/kernel/host.ts";
import { linuxKernel } from "../src/effects/kernel/linux/kernel.ts";
import type { KernelOp, Op } from "../src/effects/kernel/op.ts";
import type { NetworkList } from "../src/spec/network_list.ts";
import { dbnetText } from "../tests/support/dbnet.ts";
import { newNetns } from "../tests/support/netns.ts";
import { median } from "./median.ts";

/** Attachments that are measured, and those before them that warm everything up. */
const RUNS = 61;
const WARM_UPS = 150;

/** One row: medians in milliseconds; `baselineMs` is what the same kernel requests take when they are sent bare. */
export interface InProcessRow {
  readonly name: string;
  readonly medianMs: number;
  readonly baselineMs: number;
  readonly ratio: number;
}

const isKernelOp = (op: Op): op is KernelOp => !op.op.startsWith("lease.") && op.op !== "plugin.invoke";

/** A container on dbnet with a MAC address and a published port. */
const container = (containerId: string, netns: string, folder: string) => ({
  containerId,
  netns,
  ifName: "eth0",
  cacheDir: `${folder}/cache`,
  capabilityArgs: {
    mac: "02:00:00:00:00:42",
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  },
});
type Container = ReturnType<typeof container>;

/** The kernel requests of an attachment's log, and those that undo them, in the order they were sent. */
async function kernelOps(cleat: Cleat, { containerId }: Container): Promise<{ done: KernelOp[]; undone: KernelOp[] }> {
  const done: KernelOp[] = [], undone: KernelOp[] = [];
  for (const slot of ["bridge", "tuning", "portmap"]) {
    const steps = await cleat.replay({ network: "dbnet", containerId, ifName: "eth0", slot });
    const { stack } = steps.at(-1)?.after.context ?? { stack: [] };
    for (const { op, undo } of stack) {
      if (isKernelOp(op)) done.push(op);
      if (undo !== null && isKernelOp(undo)) undone.unshift(undo);
    }
  }
  return { done, undone };
}

const timed = async (run: () => Promise<unknown> | unknown): Promise<number> => {
  const start = performance.now();
  await run();
  return performance.now() - start;
};

interface Samples {
  readonly add: number[];
  readonly check: number[];
  readonly del: number[];
  readonly bareAdd: number[];
  readonly bareDel: number[];
}

/** Measures the library and the bare requests in turns, so that what slows one slows the other. */
async function sample(
  cleat: Cleat,
  list: NetworkList,
  netns: string,
  folder: string,
  host: HostShape,
): Promise<Samples> {
  const samples: Samples = { add: [], check: [], del: [], bareAdd: [], bareDel: [] };
  const apply = (ops: readonly KernelOp[]) => ops.forEach((op) => Effect.runSync(host.apply(op)));
  const first = container("first", netns, folder); // makes the bridge and the tables, which the others share
  await cleat.attach(list, first);
  await cleat.detach(list, first);
  for (let run = -WARM_UPS; run < RUNS; run++) {
    const blue = container(`blue${run + WARM_UPS}`, netns, folder);
    const add = await timed(() => cleat.attach(list, blue));
    const check = await timed(() => cleat.check(list, blue));
    const { done, undone } = await kernelOps(cleat, blue);
    const del = await timed(() => cleat.detach(list, blue));
    const bareAdd = await timed(() => apply(done));
    const bareDel = await timed(() => apply(undone));
    if (run < 0) continue;
    for (const [name, value] of Object.entries({ add, check, del, bareAdd, bareDel })) {
      samples[name as keyof Samples].push(value);
    }
  }
  return samples;
}

/** Moves this process into a host namespace of its own, for good: what follows happens there. */
function enterOwnHost(): void {
  const { symbols } = Deno.dlopen("libc.so.6", { unshare: { parameters: ["i32"], result: "i32" } });
  const CLONE_NEWNET = 0x40000000;
  if (symbols.unshare(CLONE_NEWNET) !== 0) throw new Error("Cannot make a network namespace: is this a root shell?");
}

/** Measures dbnet's ADD, CHECK and DEL in this process. Takes about ten seconds; moves the process into its own netns. */
export async function inProcessTable(): Promise<InProcessRow[]> {
  enterOwnHost();
  const folder = Deno.makeTempDirSync({ prefix: "cleat-bench-" });
  try {
    using netns = newNetns();
    await using cleat = new Cleat({ stateDir: `${folder}/state` });
    const list = await cleat.parse(dbnetText.replace('"host-local",', `"host-local", "dataDir": "${folder}/leases",`));
    const bare = Effect.flatMap(Kernel, (kernel) => kernel.open({ path: netns.path, allowOwn: false }));
    const program = Effect.flatMap(
      bare,
      (host) => Effect.promise(() => sample(cleat, list, netns.path, folder, host)),
    );
    const { add, check, del, bareAdd, bareDel } = await Effect.runPromise(
      Effect.scoped(program).pipe(Effect.provide(linuxKernel)),
    );
    const row = (name: string, values: readonly number[], baseline: readonly number[]): InProcessRow => {
      const medianMs = median(values), baselineMs = median(baseline);
      return { name, medianMs, baselineMs, ratio: medianMs / baselineMs };
    };
    return [row("dbnet ADD", add, bareAdd), row("dbnet CHECK", check, bareAdd), row("dbnet DEL", del, bareDel)];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The table for people: a ratio first, because milliseconds are the machine's. */
export const showInProcess = (rows: readonly InProcessRow[]): string[] =>
  rows.map(({ name, ratio, medianMs, baselineMs }) =>
    `${name}: ${ratio.toFixed(2)} × its kernel requests sent bare (${medianMs.toFixed(1)} ms : ${
      baselineMs.toFixed(1)
    } ms)`
  );
