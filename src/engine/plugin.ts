/**
 * What a plugin is: a recipe for ADD that looks (`View`) and acts (`perform`), and read-only recipes for the other
 * verbs. There is no `del`: DEL is unwinding the log.
 */
import type * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import type { DhcpError } from "../effects/dhcp/dhcp.ts";
import type { HostError, NetnsIdentity } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { LeaseError } from "../effects/leases/leases.ts";
import type { LogError } from "../effects/log/store.ts";
import type { Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { ValidAttachment } from "../spec/request_config.ts";
import type { CniResult } from "../spec/result.ts";
import type { Act } from "./act.ts";
import type { DelegateError } from "./delegate.ts";
import type { View } from "./view.ts";

/** All that an op can end with. */
export type EffectError = HostError | LeaseError | DhcpError | DelegateError | LogError;

/** One thing CHECK found: a sentence naming the thing, what was expected and what is there. */
export type Finding = string;

/** One verb for one attachment, decoded. */
export interface Request<C> {
  readonly key: AttachmentKey;
  /** Of CNI_NETNS; null on a DEL without one. `path` is verbatim what the runtime sent. */
  readonly netns: NetnsIdentity | null;
  readonly config: C;
  /** The request config as it came, for delegates. */
  readonly raw: JsonObject;
  readonly cniVersion: string;
  /** CNI_ARGS, parsed. */
  readonly args: ReadonlyMap<string, string>;
  readonly prevResult: CniResult | null;
  /** For CHECK: whether the log has the ops of this attachment, each of which the engine then verifies itself. */
  readonly known?: boolean;
}

/** A plugin that GC is passed on to, with its request config. */
export interface GcDelegate {
  readonly plugin: string;
  readonly config: JsonObject;
}

/** An attachment whose name something on the host bears; `ifName` is null where it does not say that. */
export interface Trace {
  readonly containerId: string;
  readonly ifName: string | null;
}

/** A plugin. `type` is the name of its executable, `versions` the spec versions it speaks, lowest first. */
export interface Plugin<C> {
  readonly type: string;
  readonly versions: readonly string[];
  readonly config: Schema.Codec<C, unknown>;
  /** What no schema can say: consistency between keys. Runs for every verb that has a config, before anything else. */
  readonly validate?: (config: C, request: Omit<Request<C>, "config">) => Effect.Effect<void, Refused>;
  /** What ADD refuses by the request alone, beyond `validate`: asked when a file is checked, before there is a container. */
  readonly review?: (request: Request<C>) => Effect.Effect<void, Refused>;
  readonly add: (request: Request<C>) => Effect.Effect<CniResult, EffectError | Refused, View | Act>;
  /** Beyond "every op of the log still holds", which the engine checks for every plugin. */
  readonly check?: (
    request: Request<C>,
  ) => Effect.Effect<readonly Finding[], HostError | LeaseError | DelegateError | Refused, View>;
  /** What to undo when the log knows nothing of the attachment: ops that go through `perform`. */
  readonly adopt?: (request: Request<C>) => Effect.Effect<readonly Op[], HostError | LeaseError, View>;
  /**
   * The attachments of a network that something on this host names, whoever made it: GC deletes those that are not
   * valid, also where no stream knows them. `adopt` must find what these traces belong to.
   */
  readonly traces?: (
    config: C,
    network: string,
  ) => Effect.Effect<readonly Trace[], HostError | LeaseError, View>;
  /**
   * Whom GC must be passed on to: they may hold what our log does not know. What the log knows, the engine removes.
   * `valid` are the attachments that stay.
   */
  readonly gc?: (
    config: C,
    request: {
      readonly raw: JsonObject;
      readonly cniVersion: string;
      readonly valid: readonly ValidAttachment[];
    },
  ) => Effect.Effect<readonly GcDelegate[], Refused>;
  readonly status?: (
    config: C,
    request: { readonly raw: JsonObject; readonly cniVersion: string },
  ) => Effect.Effect<void, Refused | DelegateError | LeaseError, View>;
}

/** A plugin whose config type only the plugin itself knows. */
export type AnyPlugin = <A>(use: <C>(plugin: Plugin<C>) => A) => A;

/** Hides a plugin's config type, for registries. */
export const anyPlugin = <C>(plugin: Plugin<C>): AnyPlugin => (use) => use(plugin);

/** Plugins by type; what is there may have to be loaded. */
export type Recipes = ReadonlyMap<string, Effect.Effect<AnyPlugin>>;
