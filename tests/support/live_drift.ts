/** Attachments on a real kernel of which one thing is changed behind the log's back, and what CHECK says then. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { can, unless } from "./capabilities.ts";
import { Lab } from "./lab.ts";
import type { Netns } from "./netns.ts";

/** A network to attach a container to. */
export interface Network {
  readonly name: string;
  readonly plugins: (lab: Lab) => readonly JsonObject[];
  readonly capabilityArgs?: JsonObject;
  /** Run on the host before ADD. */
  readonly prepare?: string;
  /** Run in the container before ADD. */
  readonly inside?: string;
  /** Links that the host keeps after DEL. */
  readonly kept?: readonly string[];
  /** Whether this machine can do it; default true. */
  readonly works?: boolean;
}

/**
 * What is changed, where, by which command of the shell, and what CHECK must say: the thing, what was expected, and what
 * is there. `$V` is the host's first veth, `$LEASES` the folder of leases.
 */
export type Drift = readonly [what: string, on: "host" | "container", command: string, ...says: RegExp[]];

/** A finding that says which record of the log set what is no longer so. */
const SET_BY = / \(set by #\d+ at \d{4}-\d\d-\d\dT[\d:.]+Z\)/;

const base = can.netns && can.bridge && can.veth && can.nft && can.ip;

const VETH = "V=$(ip -o link show type veth | sed -n '1s/^[0-9]*: \\([^@:]*\\).*/\\1/p')";

/** One container that is attached while `fn` runs, by the library in this process. */
export interface Attached {
  readonly lab: Lab;
  readonly netns: Netns;
  /** Runs a command of the shell; it must succeed. */
  readonly must: (on: "host" | "container", command: string) => void;
  /** What CHECK says, or null when it agrees. */
  readonly check: () => Promise<string | null>;
  /** ADD, CHECK and DEL of one more container. */
  readonly another: (fn: () => Promise<void>) => Promise<void>;
}

const said = (error: unknown): string => {
  if (!(error instanceof Error)) throw error;
  const { details } = error as Error & { readonly details?: string };
  return details === undefined ? error.message : `${error.message}; ${details}`;
};

/** Attaches a container, runs `fn`, and takes it all back. */
export async function attached(network: Network, fn: (attached: Attached) => Promise<void>): Promise<void> {
  using lab = new Lab("");
  const netns = lab.container();
  const must: Attached["must"] = (on, command) =>
    void (on === "host" ? lab.host : netns).must(`${VETH}; LEASES=${lab.leases}\n${command}`);
  if (network.prepare !== undefined) must("host", network.prepare.replaceAll("$CONTAINER", netns.path));
  if (network.inside !== undefined) must("container", network.inside);
  const of = (containerId: string, { path }: Netns) => ({
    containerId,
    netns: path,
    ifName: "eth0",
    cniPath: "",
    cacheDir: `${lab.folder}/cache`,
    ...(network.capabilityArgs === undefined ? {} : { capabilityArgs: network.capabilityArgs }),
  });
  await lab.host.stay(async () => {
    await using cleat = new Cleat({ stateDir: lab.state });
    const list = await cleat.parse(
      JSON.stringify({ cniVersion: "1.1.0", name: "drift", plugins: network.plugins(lab) }),
    );
    const check = (each = of("c1", netns)) => cleat.check(list, each).then(() => null, said);
    await cleat.attach(list, of("c1", netns));
    const another: Attached["another"] = async (use) => {
      const second = of("c2", lab.container());
      await cleat.attach(list, second);
      assert.equal(await check(second), null);
      await use();
      await cleat.detach(list, second);
    };
    await fn({ lab, netns, must, check, another });
    await cleat.detach(list, of("c1", netns));
  });
}

const liveTest = ({ works = true }: Network, name: string, fn: () => Promise<void>): void =>
  Deno.test({ ...unless(base && works, name, "no namespaces, bridge, veth, nft, ip, or kind of link"), fn });

/** One test for each drift: CHECK agrees before it, and names it after. */
export function driftTests(network: Network, drifts: readonly Drift[]): void {
  for (const [what, on, command, ...says] of drifts) {
    liveTest(
      network,
      `${network.name}: CHECK finds ${what}`,
      () =>
        attached(network, async ({ must, check }) => {
          assert.equal(await check(), null, "right after ADD");
          must(on, command);
          const found = await check() ?? assert.fail("CHECK agrees");
          for (const words of says) assert.match(found, words);
        }),
    );
  }
}

/** As `driftTests`, where the log knows who set what has changed. */
export const loggedDriftTests = (network: Network, drifts: readonly Drift[]): void =>
  driftTests(
    network,
    drifts.map(([what, on, command, ...says]): Drift => [what, on, command, ...says, SET_BY]),
  );

/** One test for each set-up that is as good as before: CHECK agrees after the change, too. */
export function noDriftTests(
  network: Network,
  changes: readonly (readonly [string, "host" | "container", string])[],
): void {
  for (const [what, on, command] of changes) {
    liveTest(
      network,
      `${network.name}: CHECK does not mind ${what}`,
      () =>
        attached(network, async ({ must, check }) => {
          must(on, command);
          assert.equal(await check(), null);
        }),
    );
  }
}
