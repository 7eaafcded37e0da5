/** The configuration of bandwidth: keys as Go's plugin has them, and what they come to. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { CidrString, intBetween, listOf } from "../../spec/config_schema.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { described } from "../../spec/key_descriptions.ts";
import type { TokenBucket } from "../../spec/token_bucket.ts";

const BITS = 8;

/** Go has 64 bits for them; what is above 2^53 is more than any link can carry. */
const Bits = Schema.optionalKey(intBetween(0, Number.MAX_SAFE_INTEGER));

/** What both the top level and the capability can say. */
const limits = {
  ingressRate: Bits,
  ingressBurst: Bits,
  egressRate: Bits,
  egressBurst: Bits,
  unshapedSubnets: listOf(CidrString),
  shapedSubnets: listOf(CidrString),
};

const purposes = {
  ingressRate: "how fast the container may receive, in bits per second; 0 for no limit",
  ingressBurst: "how much it may receive at once, in bits",
  egressRate: "how fast the container may send, in bits per second; 0 for no limit",
  egressBurst: "how much it may send at once, in bits",
  unshapedSubnets: "the limits are not for what is exchanged with these",
  shapedSubnets: "the limits are only for what is exchanged with these",
};

const Limits = described(Schema.Struct(limits), purposes);

/** Keys of bandwidth. */
export const BandwidthConfig = described(
  Schema.Struct({
    ...limits,
    runtimeConfig: Schema.optionalKey(
      described(Schema.Struct({ bandwidth: Schema.optionalKey(Limits) }), {
        bandwidth: "the same, as the container asks for it; used where the configuration itself has no limit",
      }),
    ),
  }),
  purposes,
);

/** A decoded bandwidth configuration. */
export type BandwidthConfig = typeof BandwidthConfig.Type;

/** The partners that limits are for, or not for. */
export interface Partners {
  /** Whether the limits are for these alone; otherwise they are for all others. */
  readonly shaped: boolean;
  /** At least one, of either family. */
  readonly prefixes: readonly string[];
}

/** What a configuration comes to: bytes, and null where there is no limit. */
export interface BandwidthSettings {
  /** Of what the container receives. */
  readonly ingress: TokenBucket | null;
  /** Of what it sends. */
  readonly egress: TokenBucket | null;
  /** Null for everybody. */
  readonly partners: Partners | null;
}

/** Go's plugin refuses from here on, in bytes: the kernel has 32 bits. */
const MAX_BURST = 0xffff_ffff;

const invalid = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

const readLimit = (
  direction: "ingress" | "egress",
  all: typeof Limits.Type,
): Effect.Effect<TokenBucket | null, Refused> => {
  const [rateKey, burstKey] = [`${direction}Rate`, `${direction}Burst`] as const;
  const { [rateKey]: rate = 0, [burstKey]: burst = 0 } = all;
  if (rate === 0 && burst === 0) return Effect.succeed(null);
  if (burst === 0) return invalid(`Cannot use "${rateKey}" without "${burstKey}": a rate needs a burst`);
  if (rate === 0) return invalid(`Cannot use "${burstKey}" without "${rateKey}": a burst needs a rate`);
  if (Math.floor(burst / BITS) >= MAX_BURST) {
    return invalid(`Cannot use "${burstKey}": ${burst} bits are 4 GiB or more, which the kernel cannot save up`);
  }
  if (rate < BITS) return invalid(`Cannot use "${rateKey}": ${rate} bits per second are less than a byte`);
  return Effect.succeed({ rate: Math.floor(rate / BITS), burst: Math.floor(burst / BITS) });
};

const readPartners = (
  { unshapedSubnets, shapedSubnets }: Pick<BandwidthConfig, "unshapedSubnets" | "shapedSubnets">,
): Effect.Effect<Partners | null, Refused> => {
  if (unshapedSubnets.length > 0 && shapedSubnets.length > 0) {
    return invalid('Cannot use "unshapedSubnets" and "shapedSubnets" together: leave one of them out');
  }
  const shaped = shapedSubnets.length > 0;
  const prefixes = shaped ? shapedSubnets : unshapedSubnets;
  return Effect.succeed(prefixes.length === 0 ? null : { shaped, prefixes });
};

/** Whether it says nothing of limits; a zero is none. */
const isUnlimited = (all: typeof Limits.Type): boolean =>
  !all.ingressRate && !all.ingressBurst && !all.egressRate && !all.egressBurst;

/**
 * Checks a configuration and says what it comes to. Its own limits beat those of the capability, which may name subnets of
 * its own. Ends with `Refused` (code 7) naming the key that is wrong.
 */
export const readBandwidth = Effect.fnUntraced(function* (config: BandwidthConfig) {
  const asked = config.runtimeConfig?.bandwidth;
  const used = asked === undefined || !isUnlimited(config) ? config : asked;
  const settings: BandwidthSettings = {
    ingress: yield* readLimit("ingress", used),
    egress: yield* readLimit("egress", used),
    partners: (yield* readPartners(used)) ?? (yield* readPartners(config)),
  };
  return settings;
});
