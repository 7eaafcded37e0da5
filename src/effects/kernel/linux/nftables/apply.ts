/** `nft.apply`: one atomic batch, whose removals are conditional. */
import type { NftCommand, NftElement } from "../../nft.ts";
import { type NetfilterSocket, sendBatch } from "./batch.ts";
import { hasValue, readGeneration, readStored } from "./element.ts";
import { NftFailure } from "./failure.ts";
import { encodeFields } from "./field.ts";
import { chainsOf, rulesOf } from "./list.ts";

/**
 * How often a batch with removals is tried while others keep changing the ruleset. Each try takes well below a
 * millisecond, so twenty in a row are lost only to somebody who does nothing else.
 */
const TRIES = 20;

type Removal = Extract<NftCommand, { readonly remove: string }>;
type ElementRemoval = Extract<NftCommand, { readonly remove: "element" }>;

const isRemoval = (command: NftCommand): command is Removal => "remove" in command;
const isElementRemoval = (command: NftCommand): command is ElementRemoval =>
  isRemoval(command) && command.remove === "element";

/** The same for two spellings of one key. */
const nameOf = ({ family, table, set, key }: NftElement): string =>
  `${family} ${table} ${set} ${encodeFields(key).toHex()}`;

/** Whether a rule or a chain that is to be removed is there; a chain that has been named before is removed once. */
function isThere(socket: NetfilterSocket, command: Exclude<Removal, ElementRemoval>, seen: Set<string>): boolean {
  const name = `${command.remove} ${command.family} ${command.table} ${command.chain}`;
  const whole = command.remove === "rule" ? `${name} ${command.handle}` : name;
  if (seen.has(whole)) return false;
  seen.add(whole);
  if (command.remove === "chain") return chainsOf(socket, command).includes(command.chain);
  return rulesOf(socket, command).some(({ handle, comment }) =>
    handle === command.handle && comment === command.comment
  );
}

/** The commands without the removals that have nothing to remove: absent, of another value, or the same again. */
function withoutSettled(socket: NetfilterSocket, commands: readonly NftCommand[]): readonly NftCommand[] {
  const removals = commands.filter(isElementRemoval);
  const due = new Set<Removal>();
  const seen = new Set<string>();
  readStored(socket, removals).forEach((stored, index) => {
    const removal = removals[index];
    if (removal === undefined || stored === null || !hasValue(stored, removal.value)) return;
    if (!seen.has(nameOf(removal))) due.add(removal);
    seen.add(nameOf(removal));
  });
  for (const command of commands) {
    if (isRemoval(command) && !isElementRemoval(command) && isThere(socket, command, seen)) due.add(command);
  }
  return commands.filter((command) => !isRemoval(command) || due.has(command));
}

/**
 * Carries out all of the commands, or none.
 *
 * Removals look first: what is absent, or has another value than the given one, is left alone. The batch names the
 * generation that was looked at, so the kernel refuses it when anything has changed in between; then it looks again.
 * With nothing left to do nothing is sent.
 *
 * Throws `NftFailure`, naming the first command that was refused: EEXIST where an element, or an `exclusive` table or
 * chain, is there already; ENOENT where a table, chain or set is missing; ERESTART where the ruleset never stood still.
 */
export function applyNft(socket: NetfilterSocket, commands: readonly NftCommand[]): void {
  if (commands.length === 0) return;
  if (!commands.some(isRemoval)) return sendBatch(socket, commands);
  for (let tries = 1;; tries++) {
    const generation = readGeneration(socket);
    const left = withoutSettled(socket, commands);
    if (left.length === 0) return;
    try {
      return sendBatch(socket, left, generation);
    } catch (error) {
      if (!(error instanceof NftFailure) || error.errno !== "ERESTART" || tries === TRIES) throw error;
    }
  }
}
