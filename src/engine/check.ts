/** CHECK: does every op of the log still hold, and what does the plugin itself see? Records only what changed. */
import * as Effect from "effect/Effect";
import { Host, Kernel } from "../effects/kernel/host.ts";
import { holds } from "../effects/kernel/holds.ts";
import { Leases } from "../effects/leases/leases.ts";
import { CniCode } from "../spec/failure.ts";
import type { Command } from "./command.ts";
import { CommandFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Finding, Plugin, Request } from "./plugin.ts";
import { View, viewFor } from "./view.ts";

/** Checks one attachment; fails with all findings at once. */
export const runCheck = <C>(plugin: Plugin<C>, command: Command, decoded: Request<C>, journal: Journal) =>
  Effect.scoped(Effect.gen(function* () {
    const kernel = yield* Kernel;
    const host = yield* kernel.open({ path: command.netns, allowOwn: command.allowOwnNetns });
    const findings = yield* Effect.provideService(findingsOf(plugin, command, decoded, journal), Host, host);
    yield* recordChange(journal, findings);
    if (findings.length > 0) {
      const msg = `Cannot confirm "${command.key.containerId}" on "${command.key.network}": ${findings[0]}`;
      const details = findings.slice(1).join("; ");
      return yield* new CommandFailed({ failure: { code: CniCode.DRIFTED, msg, ...(details ? { details } : {}) } });
    }
  }));

const findingsOf = <C>(plugin: Plugin<C>, command: Command, decoded: Request<C>, journal: Journal) =>
  Effect.gen(function* () {
    const host = yield* Host;
    const leases = yield* Leases;
    const { add, stack } = journal.snapshot.context;
    const findings: Finding[] = [];
    if (add !== null && host.netns !== null && add.netns.cookie !== host.netns.cookie) {
      return [
        `network namespace "${command.netns}": expected the one ADD was given, found another under the same path`,
      ];
    }
    for (const { op, value } of stack) findings.push(...(yield* holds(op, host, leases, value)));
    if (plugin.check !== undefined) {
      const view = yield* viewFor(command);
      const own = yield* Effect.provideService(plugin.check({ ...decoded, netns: host.netns }), View, view);
      findings.push(...own);
    }
    return [...new Set(findings)];
  });

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
