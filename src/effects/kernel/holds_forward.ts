/** Whether what lets a container through the host's own firewall is still there: see `holds.ts`. */
import * as Effect from "effect/Effect";
import { closedFindings } from "./forward.ts";
import type { HostError, HostView } from "./host.ts";
import type { Op } from "./op.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;
type Looked = Effect.Effect<readonly string[], HostError>;

/** The rules in the chain FORWARD of iptables, and the jump to them. */
export const checkOpened = ({ on, family, addresses }: Of<"iptables.open">, view: HostView): Looked =>
  Effect.map(view.iptablesRules(on, family, "filter"), (rules) => closedFindings(family, rules, addresses));

/** The zone of a source. */
export const checkZone = ({ on, zone, source }: Of<"firewalld.add">, view: HostView): Looked =>
  Effect.map(
    view.firewalldZone(on, source),
    (found) =>
      found === zone ? [] : [`source "${source}" in firewalld: expected zone ${zone}, found ${found ?? "none"}`],
  );
