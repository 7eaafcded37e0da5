/** The two hosts a script is played to: the simulated one, and the real kernel in namespaces of the test's own. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { type HostShape, Kernel, type NetnsWanted } from "../../src/effects/kernel/host.ts";
import { OpenNetns } from "../../src/effects/kernel/linux/netns.ts";
import { RTNLGRP, untilSettled } from "../../src/effects/kernel/linux/rtnetlink/events.ts";
import { simulatedKernel } from "../../src/effects/kernel/simulated.ts";
import { can } from "./capabilities.ts";
import type { Until } from "./host_script.ts";
import { openHost } from "./linux_host.ts";
import { newNetns } from "./netns.ts";

/** A machine with an empty host namespace and an empty container namespace. */
export interface Stage extends Disposable {
  readonly host: HostShape;
  /** Waits until a link is as wanted; answers what it is then. */
  readonly settle: (until: Until) => Promise<string>;
  /** Removes the container's namespace; the host is opened anew, as an undo opens it. */
  readonly loseContainer: () => string;
}

/** How long the kernel may take for what it does later (it reports a lost carrier within a second). */
const LIMIT_MS = 2_000;

const CONTAINER = "/run/netns/container";

const stateOf = (host: HostShape, { on, name }: Until): string =>
  Effect.runSync(host.link(on, name))?.operState ?? "gone";

/** What ADD recorded of the container's namespace. */
const recordedOf = ({ netns }: HostShape): NetnsWanted => netns === null ? null : { recorded: netns };

/** Kinds of links that not every kernel has; the twin goes without them, too. */
const OTHER_KINDS = ["dummy", "macvlan", "vlan", "ipvlan", "tap", "vrf"] as const;

/** The simulated machine. */
export function simulatedStage(): Stage {
  const missing = OTHER_KINDS.filter((kind) => !can[kind]);
  const machine = simulatedKernel({ vlanFiltering: can.vlanFiltering, missing });
  machine.addNetns(CONTAINER);
  const scope = Effect.runSync(Scope.make());
  const open = (wanted: NetnsWanted): HostShape =>
    Effect.runSync(
      Effect.flatMap(Layer.build(machine.layer), (services) => Context.get(services, Kernel).open(wanted))
        .pipe(Scope.provide(scope)),
    );
  let host = open({ path: CONTAINER, allowOwn: false });
  return {
    get host() {
      return host;
    },
    settle: (until) => Promise.resolve(stateOf(host, until)),
    loseContainer: () => {
      const wanted = recordedOf(host);
      machine.removeNetns(CONTAINER);
      host = open(wanted);
      return "gone";
    },
    [Symbol.dispose]: () => Effect.runSync(Scope.close(scope, Exit.void)),
  };
}

/** The real kernel. */
export function kernelStage(): Stage {
  const hostNs = newNetns();
  const containerNs = newNetns();
  let opened = openHost(hostNs, { path: containerNs.path, allowOwn: false });
  const settle = async (until: Until): Promise<string> => {
    const netns = OpenNetns.at(until.on === "host" ? hostNs.path : containerNs.path);
    const look = () => stateOf(opened.host, until) === until.until ? until.until : null;
    try {
      const settled = await untilSettled(netns, RTNLGRP.LINK, LIMIT_MS, look, new AbortController().signal);
      return settled ?? `still ${stateOf(opened.host, until)}`;
    } finally {
      netns.close();
    }
  };
  return {
    get host() {
      return opened.host;
    },
    settle,
    loseContainer: () => {
      const wanted = recordedOf(opened.host);
      opened[Symbol.dispose]();
      containerNs[Symbol.dispose]();
      opened = openHost(hostNs, wanted);
      return "gone";
    },
    [Symbol.dispose]: () => {
      opened[Symbol.dispose]();
      containerNs[Symbol.dispose]();
      hostNs[Symbol.dispose]();
    },
  };
}
