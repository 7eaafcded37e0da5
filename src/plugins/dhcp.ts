/**
 * The dhcp plugin: addresses of a DHCP server on the container's network, which a daemon on this host gets, renews and
 * gives back.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { DhcpError } from "../effects/dhcp/dhcp.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf, formatCidr } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { type AttachmentKey, attachmentName } from "../spec/key.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { DhcpConfig } from "./dhcp_config.ts";
import { speechOf } from "./dhcp_speech.ts";

const networkOf = (raw: JsonObject): string => typeof raw.name === "string" ? raw.name : "";

const ownerOf = ({ containerId, ifName }: AttachmentKey) => ({ containerId, ifName });

/** What the daemon must know of the configuration; the rest is in the log already. */
const told = ({ raw: { cniVersion, name, type, ipam } }: Request<DhcpConfig>): JsonObject => ({
  ...(cniVersion === undefined ? {} : { cniVersion }),
  ...(name === undefined ? {} : { name }),
  ...(type === undefined ? {} : { type }),
  ...(ipam === undefined ? {} : { ipam }),
});

const checkSocket = ({ ipam: { daemonSocketPath } }: DhcpConfig): Effect.Effect<void, Refused> =>
  daemonSocketPath.startsWith("/") ? Effect.void : Effect.fail(
    new Refused({
      code: CniCode.INVALID_NETWORK_CONFIG,
      msg: `Cannot use "ipam.daemonSocketPath" "${daemonSocketPath}": it must be an absolute path`,
    }),
  );

const review = ({ config, key, args }: Pick<Request<DhcpConfig>, "config" | "key" | "args">) =>
  Effect.andThen(checkSocket(config), Effect.asVoid(speechOf(config, key, args)));

const add: (
  request: Request<DhcpConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (request) {
  const { config, key, cniVersion } = request;
  yield* review(request);
  const { ips, routes = [], dns } = yield* perform({
    op: "dhcp.acquire",
    socket: config.ipam.daemonSocketPath,
    network: key.network,
    owner: ownerOf(key),
    config: told(request),
  });
  return { cniVersion, ips, ...(routes.length === 0 ? {} : { routes }), ...(dns === undefined ? {} : { dns }) };
});

/** The daemon keeps the lease whose address is in the previous result. Asking allocates nothing; Go's daemon cannot be asked. */
const check: (request: Request<DhcpConfig>) => Effect.Effect<readonly Finding[], never, View> = Effect.fnUntraced(
  function* ({ key, config, prevResult }) {
    const { dhcp } = yield* View;
    const socket = config.ipam.daemonSocketPath;
    const found = yield* Effect.catch(
      dhcp.leases(socket, key),
      ({ message }: DhcpError) => Effect.succeed(message),
    );
    if (typeof found === "string") return [found];
    if (found === null) return [];
    const name = attachmentName(key);
    const [lease] = found;
    if (lease === undefined) return [`DHCP daemon at "${socket}": expected a lease of ${name}, found none`];
    const given = (prevResult?.ips ?? []).map(({ address }) => formatCidr(address));
    // The server may tell another prefix by now, which a running container does not follow.
    return given.length === 0 || given.some((address) => addressOf(address) === addressOf(lease.address))
      ? []
      : [`DHCP daemon at "${socket}": expected ${given.join(", ")} to be leased to ${name}, found ${lease.address}`];
  },
);

/** STATUS: the daemon answers. Whether there is a server only a container on its network can find out. */
const status = Effect.fnUntraced(function* (config: DhcpConfig, { raw }: { readonly raw: JsonObject }) {
  yield* review({ config, key: { network: networkOf(raw), containerId: "", ifName: "" }, args: new Map() });
  const { dhcp } = yield* View;
  yield* Effect.mapError(
    dhcp.reach(config.ipam.daemonSocketPath),
    ({ message }) => new Refused({ code: CniCode.PLUGIN_NOT_AVAILABLE, msg: message }),
  );
});

/** Gives out what a DHCP server grants. */
export const dhcp: Plugin<DhcpConfig> = {
  type: "dhcp",
  versions: VERSIONS,
  config: DhcpConfig,
  review,
  add,
  check,
  /** A daemon that cannot tell is told in any case: to give back what is not held is success. */
  adopt: Effect.fnUntraced(function* ({ key, config }) {
    const { dhcp } = yield* View;
    const socket = config.ipam.daemonSocketPath;
    const held = yield* Effect.catch(dhcp.leases(socket, key), () => Effect.succeed([]));
    if (held?.length === 0) return [];
    return [{ op: "dhcp.release", socket, network: key.network, owner: ownerOf(key) }];
  }),
  traces: Effect.fnUntraced(function* (config, network) {
    const { dhcp } = yield* View;
    const held = yield* Effect.catch(
      dhcp.leases(config.ipam.daemonSocketPath, { network }),
      () => Effect.succeed([]),
    );
    return (held ?? []).map(({ containerId, ifName }) => ({ containerId, ifName }));
  }),
  status,
};
