/**
 * tuning: sysctls of the container's namespace and settings of its link. Runs after the plugin that made the interface.
 * Old values are in the log, so that DEL restores the sysctls too.
 */
import * as Effect from "effect/Effect";
import type { Op } from "../effects/kernel/op.ts";
import { perform } from "../engine/act.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { CniResult } from "../spec/result.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { checkAdopted } from "./adopt_tuning.ts";
import { allowNewMac } from "./spoof_check.ts";
import { backupPath, readBackup } from "./tuning_backup.ts";
import { readTuning, type SysctlSetting, TuningConfig } from "./tuning_config.ts";
import { ALLOW_LIST, checkAllowed } from "./tuning_sysctl.ts";

const NO_PREV_RESULT = "prevResult is missing: tuning must be called as chained plugin";

const refuse = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** All that can be known to fail is refused before the first change. */
const checkSysctls = Effect.fnUntraced(function* (sysctls: readonly SysctlSetting[]) {
  if (sysctls.length === 0) return;
  const { host, file } = yield* View;
  yield* checkAllowed(yield* file(ALLOW_LIST), sysctls.map(({ key }) => key));
  for (const { key, path } of sysctls) {
    if ((yield* host.sysctl("container", path)) !== null) continue;
    return yield* refuse(`Cannot set sysctl "${key}": there is no /proc/sys/${path} in the container`);
  }
});

/** The result with the new MAC on the container's interface; host interfaces of the same name keep theirs. */
const withMac = (result: CniResult, ifName: string, mac: string): CniResult =>
  result.interfaces === undefined ? result : {
    ...result,
    interfaces: result.interfaces.map((link) => link.name === ifName && link.sandbox ? { ...link, mac } : link),
  };

const add = Effect.fnUntraced(function* ({ key, config, args, prevResult }: Request<TuningConfig>) {
  if (prevResult === null) {
    return yield* refuse(`Cannot tune "${key.ifName}" of "${key.containerId}": ${NO_PREV_RESULT}`);
  }
  const { sysctls, link } = yield* readTuning(config, args, key.ifName);
  yield* checkSysctls(sysctls);
  for (const { path, value } of sysctls) {
    yield* perform({ op: "sysctl.write", on: "container", key: path, value });
  }
  if (Object.keys(link).length === 0) return prevResult;
  if (link.mac !== undefined) yield* allowNewMac(key, prevResult, link.mac);
  yield* perform({ op: "link.set", on: "container", name: key.ifName, set: link });
  return link.mac === undefined ? prevResult : withMac(prevResult, key.ifName, link.mac);
});

/** What Go's plugin saved is put back, if the link is still there, and then thrown away. */
const adopt = Effect.fnUntraced(function* ({ key, config }: Request<TuningConfig>) {
  const { host, file } = yield* View;
  const { containerId, ifName } = key;
  const text = yield* file(backupPath(config.dataDir, key));
  if (text === null) return [];
  const set = readBackup(text);
  const ops: Op[] = [];
  if (Object.keys(set).length > 0 && (yield* host.link("container", ifName)) !== null) {
    ops.push({ op: "link.set", on: "container", name: ifName, set });
  }
  ops.push({ op: "backup.delete", dataDir: config.dataDir, owner: { containerId, ifName } });
  return ops;
});

/** Sysctls and link settings for containers. */
export const tuning: Plugin<TuningConfig> = {
  type: "tuning",
  versions: VERSIONS,
  config: TuningConfig,
  validate: (config, { args, key }) => Effect.asVoid(readTuning(config, args, key.ifName)),
  add,
  check: (request) =>
    request.prevResult === null
      ? Effect.succeed([`"${request.key.ifName}" of "${request.key.containerId}": ${NO_PREV_RESULT}`])
      : request.known === true
      ? Effect.succeed([])
      : checkAdopted(request),
  adopt,
};
