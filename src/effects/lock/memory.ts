/** The order of verbs in memory: the twin of `file.ts`. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { attachmentName } from "../../spec/key.ts";
import { checkParts } from "../log/part.ts";
import { DEFAULT_WAIT_MS, takeTurn } from "../wait.ts";
import { busy, LockError, NetworkLock, type NetworkLockShape } from "./network_lock.ts";

/** Who has a turn on a network. */
interface Turns {
  /** A GC has one, or is waiting for the attachments that have. */
  collecting: boolean;
  /** Names of attachments. */
  readonly attachments: Set<string>;
}

type Networks = Map<string, Turns>;

const turnsOf = (networks: Networks, network: string): Turns => {
  const known = networks.get(network);
  if (known !== undefined) return known;
  const turns: Turns = { collecting: false, attachments: new Set() };
  networks.set(network, turns);
  return turns;
};

/** Waits until `take` answers true; gives back with `give` when the scope closes. */
const turn = (network: string, who: string, waitMs: number, take: () => boolean, give: () => void) =>
  Effect.uninterruptibleMask((restore): Effect.Effect<void, LockError, Scope.Scope> =>
    Effect.gen(function* () {
      const taken = yield* takeTurn(Effect.sync(() => take() ? true : null), waitMs, restore);
      if (taken === null) return yield* busy(network, who, waitMs);
      yield* Effect.addFinalizer(() => Effect.sync(give));
    })
  );

const checked = (network: string, check: () => void): Effect.Effect<void, LockError> =>
  Effect.try({
    try: check,
    catch: (error) =>
      new LockError({ network, reason: "io", detail: error instanceof Error ? error.message : String(error) }),
  });

const forAttachment = (networks: Networks): NetworkLockShape["attachment"] => (key, waitMs = DEFAULT_WAIT_MS) =>
  Effect.suspend(() => {
    const name = attachmentName(key);
    const take = () => {
      const turns = turnsOf(networks, key.network);
      if (turns.collecting || turns.attachments.has(name)) return false;
      turns.attachments.add(name);
      return true;
    };
    const waited = turn(
      key.network,
      "another verb or GC",
      waitMs,
      take,
      () => void turnsOf(networks, key.network).attachments.delete(name),
    );
    return Effect.andThen(checked(key.network, () => checkParts(key)), waited);
  });

const forNetwork = (networks: Networks): NetworkLockShape["network"] => (network, waitMs = DEFAULT_WAIT_MS) =>
  Effect.gen(function* () {
    yield* checked(network, () => checkParts({ network }));
    const begin = () => {
      const turns = turnsOf(networks, network);
      return turns.collecting ? false : (turns.collecting = true);
    };
    const end = () => {
      turnsOf(networks, network).collecting = false;
    };
    yield* turn(network, "another GC", waitMs, begin, end);
    yield* turn(
      network,
      "a verb of an attachment",
      waitMs,
      () => turnsOf(networks, network).attachments.size === 0,
      () => {},
    );
  });

/** Nothing is left behind in memory, but the names. */
const tidy = (networks: Networks): NetworkLockShape["tidy"] => (kept) =>
  Effect.sync(() => {
    const unused = [...networks].filter(([name, { collecting, attachments }]) =>
      !kept.has(name) && !collecting && attachments.size === 0
    );
    for (const [name] of unused) networks.delete(name);
    return unused.length;
  });

/** New turns, which every use of the layer shares, as processes share a state directory. */
export const memoryNetworkLock = (): Layer.Layer<NetworkLock> => {
  const networks: Networks = new Map();
  return Layer.succeed(NetworkLock)({
    attachment: forAttachment(networks),
    network: forNetwork(networks),
    tidy: tidy(networks),
  });
};
