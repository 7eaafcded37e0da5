/** The link that macvlan, ipvlan and vlan put the container's interface on. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../effects/kernel/host.ts";
import type { LinkParent, Side } from "../effects/kernel/op.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { MAIN_TABLE } from "../spec/routing.ts";

/** What a configuration says of the master. */
export interface MasterWish {
  /** Its name; empty for the link of the default route. */
  readonly master: string;
  /** Whether it is looked for in the container. */
  readonly linkInContainer: boolean;
  /** MTU of the link to be made, in bytes; 0 for the master's. */
  readonly mtu: number;
}

/** Smallest MTU of an Ethernet device in bytes (ETH_MIN_MTU: linux/if_ether.h). */
const MIN_MTU = 68;

const invalid = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** The side a master is on. */
export const masterSide = ({ linkInContainer }: Pick<MasterWish, "linkInContainer">): Side =>
  linkInContainer ? "container" : "host";

const where = (on: Side): string => on === "host" ? "on the host" : "in the container";

/** Why no link can have such an MTU, whatever the master's is, or null. */
export const wishedMtuProblem = (mtu: number): string | null =>
  mtu === 0 || mtu >= MIN_MTU ? null : `Cannot use "mtu": ${mtu} is not ${MIN_MTU} or more, nor 0 for the master's MTU`;

/** The link of the default route with the lowest metric, IPv4 before IPv6; null where there is none. */
const defaultLink: (on: Side) => Effect.Effect<string | null, HostError, View> = Effect.fnUntraced(function* (on) {
  const { host } = yield* View;
  for (const [family, dst] of [[4, "0.0.0.0/0"], [6, "::/0"]] as const) {
    const routes = (yield* host.routes(on, family, MAIN_TABLE)).filter((route) => route.dst === dst);
    const best = routes.toSorted((a, b) => a.metric - b.metric).find(({ link }) => link !== null);
    if (best !== undefined) return best.link;
  }
  return null;
});

/** The master by its own name, also where the configuration has an alternative one; `Refused` where there is none. */
export const findMaster: (
  wish: Omit<MasterWish, "mtu">,
) => Effect.Effect<Link, HostError | Refused, View> = Effect.fnUntraced(function* (wish) {
  const { host } = yield* View;
  const on = masterSide(wish);
  const name = wish.master || (yield* defaultLink(on));
  if (name === null) {
    return yield* invalid(`Cannot choose a "master": there is no default route ${where(on)}; name a link`);
  }
  const link = yield* host.link(on, name);
  return link ?? (yield* invalid(`Cannot use "master" "${name}": there is no such link ${where(on)}`));
});

/** The master for an ADD, which must be able to carry the wanted MTU. */
export const parentFor: (
  wish: MasterWish,
) => Effect.Effect<LinkParent, HostError | Refused, View> = Effect.fnUntraced(function* (wish) {
  const { name, mtu } = yield* findMaster(wish);
  if (wish.mtu <= mtu) return { on: masterSide(wish), name };
  return yield* invalid(`Cannot use "mtu": ${wish.mtu} is more than the ${mtu} of its master "${name}"`);
});

/** For STATUS: that the master is there, which only the host can tell. */
export const masterStatus = (wish: Omit<MasterWish, "mtu">): Effect.Effect<void, Refused, View> =>
  wish.linkInContainer ? Effect.void : Effect.catch(
    Effect.asVoid(findMaster(wish)),
    ({ message }) => new Refused({ code: CniCode.PLUGIN_NOT_AVAILABLE, msg: message }),
  );
