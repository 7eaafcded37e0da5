/** The Linux kernel as the `Kernel` service: rtnetlink, nf_tables and procfs; no programs, but for what iptables keeps. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { HostError, type HostShape, Kernel, NetnsError, type NetnsWanted } from "../host.ts";
import { hostError } from "./describe.ts";
import { attempt, linuxHost } from "./host.ts";
import { deleteTogether } from "./rtnetlink/link_group.ts";
import { type OpenSides, Shelf } from "./shelf.ts";

const acquire = (shelf: Shelf, wanted: NetnsWanted): Effect.Effect<OpenSides, HostError | NetnsError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(shelf.open(wanted));
    } catch (cause) {
      const subject = wanted === null ? "host" : "recorded" in wanted ? wanted.recorded.path : wanted.path;
      return Effect.fail(
        cause instanceof NetnsError ? cause : hostError({ doing: "open network namespace", subject }, cause),
      );
    }
  });

const release = (shelf: Shelf) => ({ container }: OpenSides): Effect.Effect<void> =>
  Effect.sync(() => {
    if (container !== null) shelf.give(container);
  });

const openFrom = (shelf: Shelf) => (wanted: NetnsWanted) =>
  Effect.map(
    Effect.acquireRelease(acquire(shelf, wanted), release(shelf)),
    (sides): HostShape => linuxHost(sides, sides.container?.identity ?? null),
  );

const removeFrom = (shelf: Shelf) => (names: readonly string[]): Effect.Effect<void, HostError | NetnsError> =>
  Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(acquire(shelf, null), release(shelf)),
    ({ host }) =>
      attempt({ doing: "delete links", subject: `${names.length} of them` }, () => deleteTogether(host.route, names)),
  ));

/**
 * The kernel this process runs on. The host side is the network namespace of the calling thread at the time of `open`.
 * Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter a container's namespace; Linux 5.14 or newer (SO_NETNS_COOKIE).
 */
export const linuxKernel: Layer.Layer<Kernel> = Layer.effect(
  Kernel,
  Effect.gen(function* () {
    const shelf = new Shelf();
    yield* Effect.addFinalizer(() => Effect.sync(() => shelf.close()));
    return Kernel.of({ open: openFrom(shelf), removeLinks: removeFrom(shelf) });
  }),
);
