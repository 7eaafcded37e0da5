/** What tests say of commands that have ended, and of the logs they leave. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { emptyTail, encodeEvents } from "../../src/effects/log/format.ts";
import { EventStore, type Reading } from "../../src/effects/log/store.ts";
import type { AttachmentEvent } from "../../src/machines/event.ts";
import type { CniFailure } from "../../src/spec/failure.ts";
import type { StreamId } from "../../src/spec/key.ts";
import type { CniResult } from "../../src/spec/result.ts";
import type { Machine, Outcome } from "./engine.ts";

/** The result of a command that must have succeeded. */
export const ok = (outcome: Outcome, what = ""): CniResult | null => {
  assert.ok(outcome.ended === "ok", `${what} ${JSON.stringify(outcome)}`);
  return outcome.result;
};

/** The failure of a command that must have failed. */
export const failed = (outcome: Outcome, what = ""): CniFailure => {
  assert.ok(outcome.ended === "failed", `${what} ${JSON.stringify(outcome)}`);
  return outcome.failure;
};

/** A failure's words, all of them. */
export const wordsOf = ({ msg, details }: CniFailure): string => details === undefined ? msg : `${msg}; ${details}`;

/** The stream of a slot of `net/c1/eth0`. */
export const streamOf = (slot: string, containerId = "c1", network = "net"): StreamId => ({
  network,
  containerId,
  ifName: "eth0",
  slot,
});

/** What a stream holds. */
export async function readingOf(machine: Machine, id: StreamId): Promise<Reading> {
  const exit = await machine.run(Effect.flatMap(EventStore, (store) => store.read(id)));
  assert.ok(Exit.isSuccess(exit));
  return exit.value;
}

/** The types of the events of a stream, oldest first. */
export const eventsOf = async (machine: Machine, id: StreamId): Promise<readonly string[]> =>
  (await readingOf(machine, id)).records.map(({ event }) => event.type);

/** Puts a log with these events and a whole chain in the place of a stream, as another process would have written it. */
export async function writeLog(
  machine: Machine,
  id: StreamId,
  events: readonly AttachmentEvent[],
  boot = "boot-1",
): Promise<void> {
  const origin = { boot, pid: 77, by: "another process", now: () => "2026-01-01T00:00:00.000Z" };
  const { bytes } = await encodeEvents(emptyTail(id), events, origin);
  machine.log.put(id, new TextDecoder().decode(bytes));
}
