/** Letting containers through the chain FORWARD of iptables: one look at the table, and one transaction of its program. */
import { closeCommands, FORWARD, openCommands } from "../forward.ts";
import { HostError } from "../host.ts";
import type { KernelOp } from "../op.ts";
import { backendsWith, chainsIn, listing, transact, type Where } from "./iptables.ts";
import type { OpenNetns } from "./netns.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;
type Rule = readonly string[];

/** How often a transaction is tried while others change the table between the look and the change. */
const TRIES = 5;

/** Looks, and carries out what follows from it; looks again where that is refused. Throws `HostError` with the last refusal. */
function change(
  netns: OpenNetns,
  where: Where,
  subject: string,
  commandsFor: (rules: readonly Rule[]) => readonly Rule[],
) {
  let refusal: string | null = null;
  for (let tries = 0; tries < TRIES; tries++) {
    const commands = commandsFor(listing(netns, where));
    if (commands.length === 0) return;
    refusal = transact(netns, where, commands);
    if (refusal === null) return;
  }
  const program = where.family === 4 ? "iptables" : "ip6tables";
  throw new HostError({ doing: `change ${FORWARD.containers} with ${program}`, subject, errno: refusal ?? "unknown" });
}

/**
 * Carries out `iptables.open` with the program that the machine calls iptables, as everybody does who has rules in
 * FORWARD. Throws `HostError`.
 */
export function openForward(netns: OpenNetns, { family, addresses, adminChain }: Of<"iptables.open">): void {
  change(
    netns,
    { family, table: "filter", backend: "own" },
    addresses.join(", "),
    (rules) => openCommands(chainsIn(rules), rules, addresses, adminChain),
  );
}

/** Carries out `iptables.close` in whichever backend has the chain. Absence is success. Throws `SystemError`, `HostError`. */
export function closeForward(netns: OpenNetns, { family, addresses }: Of<"iptables.close">): void {
  for (const backend of backendsWith(netns, family, "filter", FORWARD.containers)) {
    const where = { family, table: "filter", backend } as const;
    change(netns, where, addresses.join(", "), (rules) => closeCommands(rules, addresses));
  }
}
