/**
 * Cleat: an event-sourced CNI for Deno. Attach containers to networks, in this process, with a log that can undo,
 * explain and replay everything.
 *
 * - `Cleat` offers promises: `load` a network, `attach`, `check`, `detach`, `gc`, `status`; `validate` asks the plugins;
 *   `cachedResult`, `cachedConfig` and `cachedAttachments` read libcni's cache; `streams` and `replay` read the log.
 * - `recover` and `collect` reclaim by themselves what a reboot, a crash or the end of a container has left; `prune` ends
 *   old history.
 * - The same functions are exported as Effect values, to be provided with `layer`.
 * - `AttachmentEvent` and `Op` are what the log holds; `describeEvent` and `describeOp` put them in words.
 * - `Services` names what all this runs on, for programs that provide some of it themselves.
 *
 * Every function has an `AbortSignal`: as an option of the promises, as Effect's interruption otherwise. Which function
 * of libcni is which of these is told in `docs/libcni.md`. Attaching needs root, or a user namespace that owns the
 * network namespaces.
 *
 * @example Attach a container, look at its address, detach it
 * ```ts ignore
 * import { Cleat } from "@cleat/cleat";
 *
 * await using cleat = new Cleat();
 * const dbnet = await cleat.load("/etc/cni/net.d", "dbnet");
 * const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" };
 * const result = await cleat.attach(dbnet, blue);
 * console.log(result.ips?.[0]?.address);
 * await cleat.detach(dbnet, blue);
 * ```
 *
 * @module
 */
export { type CacheOptions, Cleat, type PluginOptions, type RunOptions } from "./src/cli/cleat.ts";
export { type CleatOptions, layer } from "./src/cli/library.ts";

// Networks: their configuration, and whether the installed plugins can serve it.
export { confFiles, loadPluginConf } from "./src/runtime/conf_files.ts";
export { DEFAULT_CONF_DIR, loadList, loadNetwork, NetworkNotFound } from "./src/runtime/networks.ts";
export { loadPluginFolder } from "./src/runtime/plugin_folder.ts";
export { injectConf } from "./src/runtime/inject_conf.ts";
export { findPlugin, pluginVersions } from "./src/runtime/installed.ts";
export { validateNetwork } from "./src/runtime/validate.ts";
export { listFromPluginConf, type NetworkList, parseNetworkList } from "./src/spec/network_list.ts";
export { parsePluginConf, type PluginConf } from "./src/spec/plugin_conf.ts";
export type { Found } from "./src/effects/exec.ts";

// The verbs, and what libcni's cache knows of earlier ones.
export { attach, type Attachment, check, detach, status } from "./src/runtime/attach.ts";
export { type NotRun, type Plan, plan, type PlannedStep } from "./src/runtime/plan.ts";
export { gc, type GcOptions, type ValidAttachment } from "./src/runtime/gc.ts";
export { collect, type Reclaimed, type ReclaimOptions, recover } from "./src/runtime/recover.ts";
export { prune, type PruneOptions } from "./src/runtime/prune.ts";
export { type CachedConfig, cachedConfig, cachedResult } from "./src/runtime/cached.ts";
export { type CachedAttachment, cachedAttachments, DEFAULT_CACHE_DIR } from "./src/runtime/result_cache.ts";
export { InvocationLimits } from "./src/engine/limits.ts";
export { TraceContext } from "./src/engine/trace_context.ts";
export type { TraceContext as Trace } from "./src/spec/trace.ts";
export { CniCode, type CniFailure, Refused } from "./src/spec/failure.ts";
export { CommandFailed } from "./src/engine/failure.ts";
export { Notices } from "./src/engine/notice.ts";

// Results and versions.
export type { CniResult, Dns, ResultInterface, ResultIp, ResultRoute } from "./src/spec/result.ts";
export { parseResult } from "./src/spec/parse_result.ts";
export { printResult, renderResult } from "./src/spec/render_result.ts";
export { DEFAULT_VERSION, LATEST, type SpecVersion, VERSIONS } from "./src/spec/released_versions.ts";
export { atLeast, parseVersion, type VersionParts } from "./src/spec/version.ts";
export { checkContainerId, checkIfName, checkNetworkName } from "./src/spec/names.ts";
export type { Json, JsonObject } from "./src/spec/json.ts";

// The log: what happened to a stream, and what is left of it.
export type { AttachmentKey, Slot, StreamId } from "./src/spec/key.ts";
export type { AddEvent, AttachmentEvent, Recorded } from "./src/machines/event.ts";
export type { AttachmentContext, AttachmentState, StateName } from "./src/machines/attachment.ts";
export type { Entry } from "./src/machines/entry.ts";
export { IllegalEvent, IllegalHistory, type ReplayStep } from "./src/machines/evolve.ts";
export { describeEvent, describeOp } from "./src/machines/describe.ts";
export type {
  BackupOp,
  DhcpOp,
  InvokeOp,
  KernelOp,
  LeaseOp,
  LeaseOwner,
  LeaseRange,
  Op,
  OpName,
  Side,
} from "./src/effects/kernel/op.ts";
export type { AddressLifetime, AddressOp, NeighbourOp, RouteOp, RuleOp } from "./src/effects/kernel/op.ts";
export type {
  LinkIdentity,
  LinkKind,
  LinkOver,
  LinkParent,
  LinkPlace,
  LinkSettings,
  LinkState,
  TapKind,
} from "./src/effects/kernel/op.ts";
export type { ClassOp, FilterOp, QdiscKind, QdiscPlace, TokenBucket } from "./src/effects/kernel/op.ts";
export type { IpvlanMode, MacvlanMode, PortSettings, PortVlan, VethPeer, VrfKind } from "./src/effects/kernel/op.ts";
export type {
  NftCommand,
  NftElement,
  NftExpr,
  NftField,
  NftHook,
  NftRule,
  NftTable,
} from "./src/effects/kernel/nft.ts";
export type { NftFamily, NftType, NftVerdict } from "./src/effects/kernel/nft.ts";

// The services: what `layer` provides, for programs that provide their own.
export type { Services } from "./src/runtime/services.ts";
export type { Services as EngineServices } from "./src/engine/command.ts";
export { EventStore, type EventStoreShape, LogError } from "./src/effects/log/store.ts";
export type { Corruption, PruneLimits, Reading, Stream } from "./src/effects/log/store.ts";
export { type CreatedLink, HostError, type HostShape, type HostView, Kernel } from "./src/effects/kernel/host.ts";
export { NetnsError, type NetnsIdentity, type NetnsWanted } from "./src/effects/kernel/host.ts";
export type { LinkTap } from "./src/effects/kernel/link_tap.ts";
export type { IptablesTable, ProgramView } from "./src/effects/kernel/program_view.ts";
export type {
  Address,
  Filter,
  Link,
  LinkFooting,
  Neighbour,
  PolicyRule,
  Qdisc,
  Route,
  TrafficClass,
} from "./src/effects/kernel/host.ts";
export { type Lease, LeaseError, Leases, type LeasesShape, type LeasesView } from "./src/effects/leases/leases.ts";
export { Dhcp, DhcpError, type DhcpShape, type DhcpView } from "./src/effects/dhcp/dhcp.ts";
export type { DhcpGrant, HeldLease, RpcArgs } from "./src/effects/dhcp/rpc.ts";
export { LockError, NetworkLock, type NetworkLockShape } from "./src/effects/lock/network_lock.ts";
export { DelegateError, type Invocation, Plugins } from "./src/engine/delegate.ts";
export { FileError, Files } from "./src/effects/files.ts";
export { Origin, type OriginShape } from "./src/effects/origin.ts";
