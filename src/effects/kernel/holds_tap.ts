/** Whether a tap is what was asked for. */
import { expect, type Findings, FINE, onOff } from "./finding.ts";
import type { Link } from "./host.ts";
import type { LinkKind } from "./op.ts";

/** Queues, and who may open it; what was not asked for does not matter. Other kinds of links have none of these. */
export const checkTap = (thing: string, wanted: LinkKind, { tap }: Link): Findings => {
  if (wanted.kind !== "tap") return FINE;
  const { multiQueue, owner, group } = wanted;
  return [
    ...(multiQueue === true ? expect(thing, "several queues ", "on", onOff(tap?.multiQueue === true)) : FINE),
    ...(owner === undefined ? FINE : expect(thing, "owner ", `${owner}`, `${tap?.owner ?? "none"}`)),
    ...(group === undefined ? FINE : expect(thing, "group ", `${group}`, `${tap?.group ?? "none"}`)),
  ];
};
