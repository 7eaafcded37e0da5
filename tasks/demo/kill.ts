/** An ADD that is killed half-way. */
import type { Cleat, NetworkList } from "../../mod.ts";
import { leaseOf, POOL } from "./looks.ts";
import { must } from "./stage.ts";

/** How often an ADD may be faster than the signal. */
const ATTEMPTS = 10;

/** Sends SIGKILL, unless the process has ended by itself. */
const kill = (child: Deno.ChildProcess): void => {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
};

/** Starts `cleat add` and kills it when the lease appears: there is a veth by then, but no address on it yet. */
async function addAndKill(netns: string, containerId: string): Promise<{ pid: number; killed: boolean }> {
  const watcher = Deno.watchFs(POOL, { recursive: false });
  const args = ["add", "dbnet", netns, "--container-id", containerId];
  const child = new Deno.Command("cleat", { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  const ended = child.status.finally(() => watcher.close());
  for await (const { paths } of watcher) {
    if (paths.some((path) => leaseOf(path) !== null)) kill(child);
  }
  return { pid: child.pid, killed: (await ended).signal === "SIGKILL" };
}

/** What a killed ADD leaves to be found. */
export interface Victim {
  readonly containerId: string;
  readonly pid: number;
}

/** Kills an ADD so that the log has its beginning but not its end. One that was too fast is deleted, and another tried. */
export async function killHalfWay(cleat: Cleat, dbnet: NetworkList, netns: string): Promise<Victim> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const containerId = attempt === 1 ? "green" : `green-${attempt}`;
    const { pid, killed } = await addAndKill(netns, containerId);
    const steps = await cleat.replay({ network: "dbnet", containerId, ifName: "eth0", slot: "@chain" });
    if (killed && steps.at(-1)?.after.value === "attaching") return { containerId, pid };
    await cleat.detach(dbnet, { containerId, netns, ifName: "eth0" });
  }
  must(false, "an ADD can be killed half-way", `${ATTEMPTS} of them were finished before the signal came`);
}
