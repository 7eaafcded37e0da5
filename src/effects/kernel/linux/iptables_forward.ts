/** Letting containers through the chain FORWARD of iptables: one look at the table, and one transaction of its program. */
import { closeCommands, FORWARD, openCommands } from "../forward.ts";
import { HostError } from "../host.ts";
import type { KernelOp } from "../op.ts";
import { backendsWith, chainsIn, listing, transact, type Where } from "./iptables.ts";
import { readNative, transactNative } from "./iptables_native.ts";
import type { OpenNetns } from "./netns.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;
type Rule = readonly string[];

/**
 * How often a transaction is tried while others change the table between the look and the change. Natively, any change
 * of the ruleset counts while chains and jumps are being made, but a try takes no more than the look.
 */
const TRIES = { byProgram: 5, natively: 50 } as const;

/** A table as it was found, and how to change it as long as it is as it was. */
interface Found {
  readonly chains: readonly string[];
  readonly rules: readonly Rule[];
  /** How often one may try. */
  readonly tries: number;
  /** Answers the refusal, or null. */
  readonly change: (commands: readonly Rule[]) => string | null;
}

/** Looks by the program. */
const byProgram = (netns: OpenNetns, where: Where) => (): Found => {
  const rules = listing(netns, where);
  return {
    chains: chainsIn(rules),
    rules,
    tries: TRIES.byProgram,
    change: (commands) => transact(netns, where, commands),
  };
};

/** Looks natively. */
const natively = (netns: OpenNetns, family: 4 | 6) => (): Found => {
  const table = readNative(netns, family);
  return {
    chains: table.chains,
    rules: table.rules.map(({ words }) => words),
    tries: TRIES.natively,
    change: (commands) => transactNative(netns, family, table, commands),
  };
};

/** Looks, and carries out what follows from it; looks again where that is refused. Throws `HostError` with the last refusal. */
function change(
  { family, addresses }: Pick<Of<"iptables.open">, "family" | "addresses">,
  look: () => Found,
  commandsFor: (found: Found) => readonly Rule[],
): void {
  for (let tries = 1;; tries++) {
    const found = look();
    const commands = commandsFor(found);
    const refusal = commands.length === 0 ? null : found.change(commands);
    if (refusal === null) return;
    if (tries < found.tries) continue;
    throw new HostError({
      doing: `change ${FORWARD.containers} of ${family === 4 ? "iptables" : "ip6tables"}`,
      subject: addresses.join(", "),
      errno: refusal,
    });
  }
}

/**
 * Carries out `iptables.open`: with the program that the machine calls iptables, as everybody does who has rules in
 * FORWARD, or natively. Throws `SystemError`, `HostError`.
 */
export function openForward(netns: OpenNetns, op: Of<"iptables.open">): void {
  const { family, addresses, adminChain } = op;
  const look = op.natively ? natively(netns, family) : byProgram(netns, { family, table: "filter", backend: "own" });
  change(op, look, ({ chains, rules }) => openCommands(chains, rules, addresses, adminChain));
}

/**
 * Carries out `iptables.close` in whichever backend has the chain, or natively. Absence is success. Throws
 * `SystemError`, `HostError`.
 */
export function closeForward(netns: OpenNetns, op: Of<"iptables.close">): void {
  const { family, addresses } = op;
  const looks = op.natively
    ? [natively(netns, family)]
    : backendsWith(netns, family, "filter", FORWARD.containers).map((backend) =>
      byProgram(netns, { family, table: "filter", backend })
    );
  for (const look of looks) change(op, look, ({ rules }) => closeCommands(rules, addresses));
}
