/** The Linux kernel as the `Kernel` service: rtnetlink, nf_tables and procfs, no programs. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { HostError, type HostShape, Kernel, NetnsError, type NetnsWanted } from "../host.ts";
import { hostError } from "./describe.ts";
import { linuxHost } from "./host.ts";
import { OpenNetns, openRecorded, openWanted } from "./netns.ts";

/**
 * The host sides of this layer by the name of their namespace, open for as long as the layer is: opening one costs more
 * than a request, and closing a netfilter socket waits until the kernel has freed what was removed through any of them.
 */
type Homes = Map<string, OpenNetns>;

/** The host side for the namespace the calling thread is in. Its name (`net:[…]`) is unique while we hold it open. */
function homeIn(homes: Homes): OpenNetns {
  const name = Deno.readLinkSync("/proc/thread-self/ns/net");
  const home = homes.get(name) ?? OpenNetns.current();
  homes.set(name, home);
  return home;
}

interface Sides {
  readonly host: OpenNetns;
  readonly container: OpenNetns | null;
}

function openSides(homes: Homes, wanted: NetnsWanted): Sides {
  const host = homeIn(homes);
  if (wanted === null) return { host, container: null };
  const container = "recorded" in wanted
    ? openRecorded(wanted.recorded)
    : openWanted(wanted.path, wanted.allowOwn, host);
  return { host, container };
}

const acquire = (homes: Homes, wanted: NetnsWanted): Effect.Effect<Sides, HostError | NetnsError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(openSides(homes, wanted));
    } catch (cause) {
      const subject = wanted === null ? "host" : "recorded" in wanted ? wanted.recorded.path : wanted.path;
      return Effect.fail(
        cause instanceof NetnsError ? cause : hostError({ doing: "open network namespace", subject }, cause),
      );
    }
  });

const closeContainer = ({ container }: Sides): Effect.Effect<void> => Effect.sync(() => container?.close());

const openIn = (homes: Homes) => (wanted: NetnsWanted) =>
  Effect.map(
    Effect.acquireRelease(acquire(homes, wanted), closeContainer),
    (sides): HostShape => linuxHost(sides, sides.container?.identity ?? null),
  );

/**
 * The kernel this process runs on. The host side is the network namespace of the calling thread at the time of `open`.
 * Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter a container's namespace; Linux 5.14 or newer (SO_NETNS_COOKIE).
 */
export const linuxKernel: Layer.Layer<Kernel> = Layer.effect(
  Kernel,
  Effect.gen(function* () {
    const homes: Homes = new Map();
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const home of homes.values()) home.close();
      })
    );
    return Kernel.of({ open: openIn(homes) });
  }),
);
