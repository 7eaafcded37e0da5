/** Carrying out one op, by the service of the room it belongs to. */
import * as Effect from "effect/Effect";
import { Dhcp } from "../effects/dhcp/dhcp.ts";
import { Files } from "../effects/files.ts";
import { Host, HostError } from "../effects/kernel/host.ts";
import type { BackupOp, DhcpOp, InvokeOp, KernelOp, LeaseOp, Op } from "../effects/kernel/op.ts";
import { Leases } from "../effects/leases/leases.ts";
import type { Snapshot } from "../machines/attachment.ts";
import type { AddEvent } from "../machines/event.ts";
import type { JsonObject } from "../spec/json.ts";
import { attachmentName } from "../spec/key.ts";
import { backupFileName } from "../spec/names.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";
import { atLeast } from "../spec/version.ts";
import { type Call, Plugins } from "./delegate.ts";
import { notice } from "./notice.ts";
import type { EffectError } from "./plugin.ts";

const isLeaseOp = (op: Op): op is LeaseOp => op.op === "lease.reserve" || op.op === "lease.release";
const isDhcpOp = (op: Op): op is DhcpOp => op.op === "dhcp.acquire" || op.op === "dhcp.release";
const isInvokeOp = (op: Op): op is InvokeOp => op.op === "plugin.invoke";

/** What carries ops out, one service for each kind. */
export interface Hands {
  readonly host: Host["Service"];
  readonly leases: Leases["Service"];
  readonly dhcp: Dhcp["Service"];
  readonly plugins: Plugins["Service"];
  readonly files: Files["Service"];
}

/** The services at hand. */
export const hands: Effect.Effect<Hands, never, Host | Leases | Dhcp | Plugins | Files> = Effect.gen(function* () {
  return {
    host: yield* Host,
    leases: yield* Leases,
    dhcp: yield* Dhcp,
    plugins: yield* Plugins,
    files: yield* Files,
  };
});

/** Carries out an op for the stream in this state, on behalf of a command. */
export function execute(
  { host, leases, dhcp, plugins, files }: Hands,
  call: Call,
  snapshot: Snapshot,
  op: Op,
): Effect.Effect<unknown, EffectError> {
  if (isLeaseOp(op)) return leases.apply(op);
  if (isDhcpOp(op)) return askDaemon(dhcp, host, call, snapshot, op);
  if (isInvokeOp(op)) return invoke(plugins, host, call, snapshot, op);
  if (op.op === "backup.delete") return deleteBackup(files, op);
  const kernelOp: KernelOp = op;
  return host.apply(kernelOp);
}

/** A folder and an owner, not a path: nothing but a backup can be named. */
const deleteBackup = (files: Files["Service"], { dataDir, owner }: BackupOp): Effect.Effect<void, HostError> => {
  const path = `${dataDir}/${backupFileName(owner.containerId, owner.ifName)}`;
  return Effect.mapError(
    files.remove(path),
    ({ detail }) => new HostError({ doing: "delete the backup", subject: path, errno: detail }),
  );
};

/** For DEL, daemons read nothing but names. */
const askDaemon = (dhcp: Dhcp["Service"], host: Hands["host"], call: Call, { context }: Snapshot, op: DhcpOp) => {
  const { netns, args, path } = context.add === null ? call : callOf(call, context.add, host);
  const { socket, network, owner } = op;
  const config = op.op === "dhcp.acquire" ? op.config : { name: network, ipam: { type: "dhcp" } };
  const said = { ...owner, netns, args, path, stdin: JSON.stringify(config) };
  if (op.op === "dhcp.acquire") return dhcp.allocate(socket, said);
  const name = attachmentName({ network, ...owner });
  const late =
    `No DHCP daemon is at "${socket}" to give back the lease of ${name}: its server keeps it until it expires`;
  return Effect.flatMap(
    dhcp.release(socket, { network, ...owner }, said),
    (isTold) => isTold ? Effect.void : notice(late),
  );
};

const invoke = Effect.fnUntraced(
  function* (plugins: Plugins["Service"], host: Hands["host"], call: Call, { context }: Snapshot, op: InvokeOp) {
    return yield* plugins.invoke({
      ...(context.add === null ? call : callOf(call, context.add, host)),
      plugin: op.plugin,
      command: op.command,
      config: op.command === "DEL" ? yield* withFinalResult(op.config, context.result) : op.config,
    });
  },
);

/**
 * What is undone is undone as it was done, with what ADD was given; except that plugins may have moved since, so they are
 * searched where the runtime says now, if it says (CNI spec 1.1.0, section 4, "CHECK": all but CNI_PATH stays the same).
 * Where the namespace is gone its path is not told: it may lead to a stranger's by now.
 */
const callOf = (
  call: Call,
  { netns, allowOwnNetns = false, args = "", path = "" }: AddEvent,
  host: Hands["host"],
): Call => ({
  key: call.key,
  ...(call.asOf === undefined ? {} : { asOf: call.asOf }),
  netns: host.netns === null ? "" : netns.path,
  allowOwnNetns,
  args,
  path: call.path || path,
});

/** DEL gets the final result of ADD since 0.4.0, and none before (CNI spec 1.1.0, section 4, "Deriving request configuration"). */
function withFinalResult(config: JsonObject, result: CniResult | null): Effect.Effect<JsonObject> {
  const version = typeof config.cniVersion === "string" ? config.cniVersion : "";
  if (!atLeast(version, "0.4.0")) {
    const { prevResult: _, ...own } = config;
    return Effect.succeed(own);
  }
  if (result === null) return Effect.succeed(config);
  // A plugin may have answered in another version than it was asked for; the config's is what the next one reads.
  const own = Effect.orDie(renderResult(result, result.cniVersion)); // it was parsed or made in that version
  const rendered = Effect.catch(renderResult(result, version), () => own);
  return Effect.map(rendered, (prevResult) => ({ ...config, prevResult }));
}
