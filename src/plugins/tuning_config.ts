/** The configuration of tuning: keys as Go's plugin has them, and what they come to. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { LinkSettings } from "../effects/kernel/op.ts";
import { checkKnownArgs } from "../spec/args.ts";
import { intBetween, OptionalMac, stringOr } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { parseLinkMac } from "../spec/mac.ts";
import { sysctlPath } from "./tuning_sysctl.ts";

/** Highest number that Go's plugin and the kernel both take for an MTU or a queue length. */
const MAX_I32 = 0x7fff_ffff;

/** What both the top level and `args.cni` can say. `mtu` in bytes and `txQLen` in packets; an MTU of 0 means leave it. */
const settings = {
  sysctl: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  mac: OptionalMac,
  mtu: Schema.optionalKey(intBetween(0, MAX_I32)),
  promisc: Schema.optionalKey(Schema.Boolean),
  allmulti: Schema.optionalKey(Schema.Boolean),
  txQLen: Schema.optionalKey(intBetween(0, MAX_I32)),
};

/** What they are for. */
const purposes = {
  sysctl: "sysctls of the container's network namespace by name; IFNAME in a name stands for its interface",
  mac: "Ethernet address of the container's interface",
  mtu: "MTU of the container's interface in bytes; 0 leaves it",
  promisc: "true makes the container's interface promiscuous; false leaves it",
  allmulti: "receive all multicast frames, or not; left as it is without the key",
  txQLen: "length of the interface's transmit queue in packets",
};

/** Keys of tuning. `dataDir` is where Go's plugin kept old values; ours are in the log, and it is only read by `adopt`. */
export const TuningConfig = described(
  Schema.Struct({
    ...settings,
    dataDir: stringOr("/run/cni/tuning"),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(described(Schema.Struct(settings), purposes)) })),
    runtimeConfig: Schema.optionalKey(described(Schema.Struct({ mac: OptionalMac }), { mac: purposes.mac })),
  }),
  { ...purposes, dataDir: "folder where other implementations keep the old values; here they are in the log" },
);

/** A decoded tuning configuration. */
export type TuningConfig = typeof TuningConfig.Type;

/** One sysctl: `key` as the configuration writes it, `path` below /proc/sys. */
export interface SysctlSetting {
  readonly key: string;
  readonly path: string;
  readonly value: string;
}

/** What a configuration comes to: one link.set, and sysctls in the order they are written. */
export interface TuningSettings {
  readonly sysctls: readonly SysctlSetting[];
  readonly link: LinkSettings;
}

/** The wanted MAC. Later beats earlier: `mac`, CNI_ARGS, `runtimeConfig`, `args.cni` (the bridge plugin's order differs). */
const macOf = (config: TuningConfig, args: ReadonlyMap<string, string>): Effect.Effect<string | undefined, Refused> => {
  const fromConfig = config.args?.cni?.mac ?? config.runtimeConfig?.mac;
  if (fromConfig !== undefined) return Effect.succeed(fromConfig);
  const text = args.get("MAC") ?? "";
  if (text === "") return Effect.succeed(config.mac);
  const mac = parseLinkMac(text);
  if (mac !== null) return Effect.succeed(mac);
  const msg = `Cannot use CNI_ARGS MAC=${text}: it is not an Ethernet address for a link, such as 02:00:00:00:00:01`;
  return Effect.fail(new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg }));
};

const sysctlsOf = (config: TuningConfig, ifName: string): Effect.Effect<readonly SysctlSetting[], Refused> =>
  Effect.forEach(Object.entries({ ...config.sysctl, ...config.args?.cni?.sysctl }), ([key, value]) => {
    const path = sysctlPath(key, ifName);
    if (path !== null) return Effect.succeed({ key, path, value });
    const msg = `Cannot set sysctl "${key}": it is not below net`;
    const details = "only net.* belongs to the container's network namespace";
    return Effect.fail(new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, details }));
  });

/** `promisc` can only turn on, an MTU of 0 means leave it, the others act whenever they are there. */
const linkOf = (config: TuningConfig, mac: string | undefined): LinkSettings => {
  const cni = config.args?.cni;
  const mtu = cni?.mtu || config.mtu;
  const allmulti = cni?.allmulti ?? config.allmulti;
  const txQueueLen = cni?.txQLen ?? config.txQLen;
  return {
    ...(mac === undefined ? {} : { mac }),
    ...(cni?.promisc || config.promisc ? { promisc: true } : {}),
    ...(mtu ? { mtu } : {}),
    ...(allmulti === undefined ? {} : { allmulti }),
    ...(txQueueLen === undefined ? {} : { txQueueLen }),
  };
};

/** Checks a configuration and CNI_ARGS and says what they come to. Ends with `Refused` naming what is wrong. */
export const readTuning = Effect.fnUntraced(function* (
  config: TuningConfig,
  args: ReadonlyMap<string, string>,
  ifName: string,
) {
  const unknown = checkKnownArgs(args, ["MAC"]);
  if (unknown !== null) return yield* new Refused(unknown);
  const mac = yield* macOf(config, args);
  const settings: TuningSettings = { sysctls: yield* sysctlsOf(config, ifName), link: linkOf(config, mac) };
  return settings;
});
