/** firewalld, through its own program firewall-cmd: sources bound to zones, until firewalld is reloaded. */
import { HostError } from "../host.ts";
import type { KernelOp } from "../op.ts";
import type { OpenNetns } from "./netns.ts";
import { type Ended, findProgram, runProgram, saidBy, searched } from "./program.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

const PROGRAM = "firewall-cmd";

/** What it says of a source that is in another zone. */
const ELSEWHERE = /ZONE_ALREADY_SET|ZONE_CONFLICT/;
/** What it says of a source that is already there; some releases end with 0 then, and some do not. */
const PRESENT = /ALREADY_ENABLED/;
/** What it says where there is nothing to remove: no such source, no such zone, or it does not run. */
const ABSENT = /NOT_ENABLED|UNKNOWN_SOURCE|ZONE_CONFLICT|INVALID_ZONE|NOT_RUNNING|not running/i;

/** Runs it; null where it is not installed. */
const run = (netns: OpenNetns, ...args: readonly string[]): Ended | null => {
  const file = findProgram(PROGRAM);
  return file === null ? null : runProgram(netns, file, args);
};

/** Whether firewalld runs. */
export const firewalldRuns = (netns: OpenNetns): boolean => run(netns, "--state")?.code === 0;

/** The zone of a source; null for none. */
export const zoneOf = (netns: OpenNetns, source: string): string | null => {
  const ended = run(netns, `--get-zone-of-source=${source}`);
  return ended?.code === 0 ? ended.stdout.trim() || null : null;
};

/** Carries out `firewalld.add`. Throws `HostError` where the program is missing, refuses, or has the source elsewhere. */
export function addToZone(netns: OpenNetns, { zone, source }: Of<"firewalld.add">): void {
  const failed = (errno: string) =>
    new HostError({ doing: `bind to firewalld zone "${zone}"`, subject: source, errno });
  const ended = run(netns, `--zone=${zone}`, `--add-source=${source}`);
  if (ended === null) throw failed(`ENOENT: ${PROGRAM} is in none of ${searched().join(", ")}; install firewalld`);
  const said = saidBy(ended);
  if (ELSEWHERE.test(said)) {
    const other = zoneOf(netns, source);
    if (other !== zone) throw failed(`EEXIST: it is in zone "${other ?? "unknown"}"; take it out of there first`);
  } else if (ended.code !== 0 && !PRESENT.test(said)) {
    throw failed(`${PROGRAM} ended with ${ended.code}: ${said}`);
  }
}

/** Carries out `firewalld.remove`. Absence is success: of the source, of firewalld, of its program. Throws `HostError`. */
export function removeFromZone(netns: OpenNetns, { zone, source }: Of<"firewalld.remove">): void {
  const ended = run(netns, `--zone=${zone}`, `--remove-source=${source}`);
  if (ended === null || ended.code === 0 || ABSENT.test(saidBy(ended))) return;
  throw new HostError({
    doing: `take out of firewalld zone "${zone}"`,
    subject: source,
    errno: `${PROGRAM} ended with ${ended.code}: ${saidBy(ended)}`,
  });
}
