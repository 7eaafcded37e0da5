/** CHECK: does every op of the log still hold, and what does the plugin itself see? Records only what changed. */
import * as Effect from "effect/Effect";
import { Host, Kernel } from "../effects/kernel/host.ts";
import { holds } from "../effects/kernel/holds.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { Recorded } from "../machines/event.ts";
import { Leases } from "../effects/leases/leases.ts";
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { Command } from "./command.ts";
import { CommandFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Finding, Plugin, Request } from "./plugin.ts";
import { View, viewFor } from "./view.ts";

/** How every failure of CHECK begins. */
export const unconfirmed = ({ containerId, network }: AttachmentKey): string =>
  `Cannot confirm "${containerId}" on "${network}": `;

/** The log as CHECK reads it: the state it has come to, and the records that say when. */
interface History {
  readonly journal: Journal;
  readonly records: readonly Recorded[];
}

/** Checks one attachment; fails with all findings at once. */
export const runCheck = <C>(plugin: Plugin<C>, command: Command, decoded: Request<C>, history: History) =>
  Effect.scoped(Effect.gen(function* () {
    const { journal } = history;
    const kernel = yield* Kernel;
    const host = yield* kernel.open({ path: command.netns, allowOwn: command.allowOwnNetns });
    const findings = yield* Effect.provideService(findingsOf(plugin, command, decoded, history), Host, host);
    yield* recordChange(journal, findings);
    if (findings.length > 0) {
      const msg = `${unconfirmed(command.key)}${findings[0]}`;
      const details = findings.slice(1).join("; ");
      return yield* new CommandFailed({ failure: { code: CniCode.DRIFTED, msg, ...(details ? { details } : {}) } });
    }
  }));

const findingsOf = <C>(plugin: Plugin<C>, command: Command, decoded: Request<C>, { journal, records }: History) =>
  Effect.gen(function* () {
    const host = yield* Host;
    const leases = yield* Leases;
    const { add, stack } = journal.snapshot.context;
    if (add !== null && host.netns !== null && add.netns.cookie !== host.netns.cookie) {
      return [
        `network namespace "${command.netns}": expected the one ADD was given, found another under the same path`,
      ];
    }
    const findings = new Map<Finding, string>();
    const origins = originsOf(records);
    for (const { id, op, value } of stack) {
      const found = Effect.suspend(() => holds(op, host, leases, value));
      for (const finding of yield* Effect.catchDefect(found, () => Effect.succeed([unreadable(op)]))) {
        // Of several ops that miss the same thing, the first made it.
        if (!findings.has(finding)) findings.set(finding, origins.get(id) ?? "");
      }
    }
    if (plugin.check !== undefined) {
      const view = yield* viewFor(command);
      const request = { ...decoded, netns: host.netns, known: add !== null };
      const own = Effect.catchTag(
        plugin.check(request),
        "DelegateError",
        ({ plugin, failure }) => Effect.succeed([findingOf(command.key, plugin, failure)]),
      );
      for (const finding of yield* Effect.provideService(own, View, view)) {
        if (!findings.has(finding)) findings.set(finding, "");
      }
    }
    return [...findings].map(([finding, origin]) => `${finding}${origin}`);
  });

/** Which record of the log is behind an effect, by its number: how `cleat log` tells of it, and when that was. */
const originsOf = (records: readonly Recorded[]): ReadonlyMap<number, string> =>
  new Map(
    records.flatMap(({ at, event }) =>
      event.type === "effect.intended" ? [[event.id, ` (set by #${event.id} at ${at})`] as const] : []
    ),
  );

/** The record is whole and makes no sense: another version of Cleat has written it, or somebody by hand. */
const unreadable = ({ op }: Op): Finding => `record of "${op}": expected one this version understands, found another`;

/** What a CHECK that another plugin has failed comes to, as one finding. */
export function findingOf(key: AttachmentKey, plugin: string, { msg, details }: CniFailure): Finding {
  const prefix = unconfirmed(key);
  const own = msg.startsWith(prefix) ? msg.slice(prefix.length) : msg;
  return `plugin "${plugin}": ${own}${details ? `; ${details}` : ""}`;
}

/** A CHECK that confirms what the log says, and one of an attachment the log does not know, write nothing. */
const recordChange = (journal: Journal, findings: readonly Finding[]) =>
  Effect.gen(function* () {
    const { value, context } = journal.snapshot;
    const same = findings.length === context.findings.length &&
      findings.every((finding, i) => finding === context.findings[i]);
    if ((value !== "attached" && value !== "drifted") || same) return;
    journal.likeTheLog();
    journal.note({ type: "CHECK" });
    yield* journal.record(findings.length === 0 ? { type: "check.passed" } : { type: "check.drifted", findings });
  });
