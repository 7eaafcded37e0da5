/** CHECK of what another tuning plugin has set: no log says what it was. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { LinkSettings } from "../effects/kernel/op.ts";
import type { Finding, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import type { Refused } from "../spec/failure.ts";
import { readTuning, type TuningConfig } from "./tuning_config.ts";

/** Values of several numbers are read back with tabs, however they were written. */
const oneLine = (value: string): string => value.trim().replace(/\s+/g, " ");

/** Settings that a link shows under the same names. */
const SETTINGS = ["mac", "mtu", "promisc", "allmulti", "txQueueLen"] as const satisfies (keyof LinkSettings)[];

/** Compares the configuration with the container. */
export const checkAdopted: (
  request: Request<TuningConfig>,
) => Effect.Effect<readonly Finding[], HostError | Refused, View> = Effect.fnUntraced(function* (request) {
  const { host } = yield* View;
  const { key: { ifName }, config, args } = request;
  const { sysctls, link: wanted } = yield* readTuning(config, args, ifName);
  const findings: Finding[] = [];
  for (const { path, value } of sysctls) {
    const found = oneLine((yield* host.sysctl("container", path)) ?? "no such key");
    if (found !== oneLine(value)) {
      findings.push(`sysctl "${path}" in the container: expected ${oneLine(value)}, found ${found}`);
    }
  }
  if (Object.keys(wanted).length === 0) return findings;
  const link = yield* host.link("container", ifName);
  if (link === null) return [...findings, `link "${ifName}" in the container: expected it to exist, found none`];
  for (const setting of SETTINGS) {
    const expected = wanted[setting];
    if (expected === undefined || `${expected}`.toLowerCase() === `${link[setting]}`) continue;
    findings.push(`link "${ifName}" in the container: expected ${setting} ${expected}, found ${link[setting]}`);
  }
  return findings;
});
