/** The floor: what an attachment asks of the kernel, and nothing else. */
import type { KernelOp, Op } from "../src/effects/kernel/op.ts";
import { openHost } from "../tests/support/linux_host.ts";
import type { Netns } from "../tests/support/netns.ts";
import { type Contender, timed } from "./contest.ts";
import type { Library } from "./stage.ts";

const isKernelOp = (op: Op): op is KernelOp => !op.op.startsWith("lease.") && op.op !== "plugin.invoke";

/** The kernel requests of an attachment, and those that undo them, in the order they are sent. */
interface Requests {
  readonly done: readonly KernelOp[];
  readonly undone: readonly KernelOp[];
}

/** Attaches once and reads in the log what was asked of the kernel. */
async function requestsOf(library: Library, netns: Netns): Promise<Requests> {
  const attachment = library.container("bare", netns, 8080);
  await library.attach(attachment);
  const done: KernelOp[] = [], undone: KernelOp[] = [];
  for (const slot of ["bridge", "tuning", "portmap"]) {
    const steps = await library.cleat.replay({ network: "dbnet", containerId: "bare", ifName: "eth0", slot });
    for (const { op, undo } of steps.at(-1)?.after.context.stack ?? []) {
      if (isKernelOp(op)) done.push(op);
      if (undo !== null && isKernelOp(undo)) undone.unshift(undo);
    }
  }
  await library.inside(() => library.cleat.detach(library.list, attachment));
  return { done, undone };
}

/** The requests of an attachment of the library's, without anything around them, on the library's host. */
export async function bare(
  stack: AsyncDisposableStack,
  name: string,
  library: Library,
  netns: Netns,
): Promise<Contender> {
  const { done, undone } = await requestsOf(library, netns);
  const { apply } = stack.use(openHost(library.lab.host, { path: netns.path, allowOwn: false }));
  const round = async () => {
    const times: Record<string, number> = { add: 0, del: 0 };
    const send = async (verb: "add" | "del", op: KernelOp) => {
      const time = await timed(() => apply(op));
      times[`${verb} ${op.op}`] = (times[`${verb} ${op.op}`] ?? 0) + time;
      times[verb] = (times[verb] ?? 0) + time;
    };
    for (const op of done) await send("add", op);
    for (const op of undone) await send("del", op);
    return times;
  };
  return { name, round };
}
