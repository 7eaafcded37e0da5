/** What a verb means in a state. Pure: refusals are values. */
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { Snapshot } from "./attachment.ts";
import { residue } from "./entry.ts";

/** The verbs that concern one attachment. */
export type Verb = "ADD" | "CHECK" | "DEL";

/**
 * "accept": record the verb and carry it out. "observe": look, and record only what changed. "adopt": the log knows
 * nothing; look for what another program made. "refuse": answer with this failure.
 */
export type Decision =
  | { readonly decision: "accept" }
  | { readonly decision: "observe" }
  | { readonly decision: "adopt" }
  | { readonly decision: "refuse"; readonly failure: CniFailure };

const refuse = (verb: string, who: string, state: string, details: string): Decision => ({
  decision: "refuse",
  failure: {
    code: CniCode.WRONG_STATE,
    msg: `Cannot ${verb} ${who}: ${state}`,
    details,
  },
});

function decideAdd(snapshot: Snapshot, who: string): Decision {
  const { context, value } = snapshot;
  if (value === "attached" || value === "drifted") {
    return refuse("attach", who, `already ${value}`, "run DEL first");
  }
  const owed = residue(context.stack)[0];
  if (owed === undefined) return { decision: "accept" };
  const why = owed.undoError?.msg ?? "it has not been undone yet";
  return refuse(
    "attach",
    who,
    `an earlier attempt left "${owed.op.op}" behind: ${why}`,
    "run DEL until it succeeds",
  );
}

function decideCheck(snapshot: Snapshot, who: string): Decision {
  switch (snapshot.value) {
    case "attached":
    case "drifted":
    case "absent":
      return { decision: "observe" };
    default:
      return refuse(
        "check",
        who,
        `${snapshot.value}${because(snapshot)}`,
        "there is nothing to check before an ADD",
      );
  }
}

const because = ({ context }: Snapshot): string => (context.error === null ? "" : `, because ${context.error.msg}`);

/**
 * Whether the log knows of nothing to undo: also where a DEL failed to remove what another program had made, and where an
 * ADD failed because of it.
 */
const isUnknown = ({ context, value }: Snapshot): boolean =>
  value === "absent" || value === "detached" || (value === "failed" && residue(context.stack).length === 0);

/** What the verb means in this state, which must be settled: no command under way. `who` names the attachment in refusals. */
export function decide(snapshot: Snapshot, verb: Verb, who = "the container"): Decision {
  switch (verb) {
    case "ADD":
      return decideAdd(snapshot, who);
    case "CHECK":
      return decideCheck(snapshot, who);
    case "DEL":
      return { decision: isUnknown(snapshot) ? "adopt" : "accept" };
  }
}
