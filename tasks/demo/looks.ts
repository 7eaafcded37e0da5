/** What is on the host, as the product itself sees it. */
import * as Effect from "effect/Effect";
import type { Cleat } from "../../mod.ts";
import { type HostShape, Kernel, type NetnsWanted } from "../../src/effects/kernel/host.ts";
import { linuxKernel } from "../../src/effects/kernel/linux/kernel.ts";
import type { NftElement } from "../../src/effects/kernel/nft.ts";

/** Where host-local keeps the leases of dbnet, a file per address. */
export const POOL = "/var/lib/cni/networks/dbnet";

const isAddress = (name: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(name);

/** The address whose lease this file is, or null. */
export const leaseOf = (path: string): string | null => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return isAddress(name) ? name : null;
};

/** Looks at, or changes, the host and a container through Cleat's kernel layer. */
export const withHost = <A, E>(netns: string | null, use: (host: HostShape) => Effect.Effect<A, E>): Promise<A> => {
  const wanted: NetnsWanted = netns === null ? null : { path: netns, allowOwn: false };
  const program = Effect.gen(function* () {
    const kernel = yield* Kernel;
    return yield* use(yield* kernel.open(wanted));
  });
  return Effect.runPromise(Effect.provide(Effect.scoped(program), linuxKernel));
};

/** Every element of nf_tables that the log says was ever wanted, each once. */
async function loggedElements(cleat: Cleat): Promise<readonly NftElement[]> {
  const found = new Map<string, NftElement>();
  for (const id of await cleat.streams()) {
    for (const { record: { event } } of await cleat.replay(id)) {
      if (event.type !== "effect.intended" || event.op.op !== "nft.apply") continue;
      for (const command of event.op.commands) {
        if (!("add" in command) || command.add !== "element") continue;
        found.set(`${command.set} ${JSON.stringify(command.key)}`, command);
      }
    }
  }
  return [...found.values()];
}

/** What attachments have on the host. */
export interface Belongings {
  /** Every link of the host but `lo` and the bridge, which serves all attachments of its network. */
  readonly links: readonly string[];
  /** Leased addresses. */
  readonly leases: readonly string[];
  /** Elements of nf_tables, as `set { key }`. */
  readonly elements: readonly string[];
  /** Files of libcni's result cache. */
  readonly results: readonly string[];
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
};

/** Names from /proc/net/dev, which shows the namespace of whoever reads it. */
const linksOfHost = (): readonly string[] =>
  Deno.readTextFileSync("/proc/net/dev").split("\n").slice(2).flatMap((line) => {
    const name = line.slice(0, line.indexOf(":")).trim();
    return name === "" || name === "lo" || name === "cni0" ? [] : [name];
  });

const nameOf = ({ set, key }: NftElement): string =>
  `${set} { ${key.flatMap((field) => Object.values(field)).join(" . ")} }`;

/** Looks everything up. */
export async function belongings(cleat: Cleat): Promise<Belongings> {
  const logged = await loggedElements(cleat);
  const elements = await withHost(
    null,
    (host) => Effect.filter(logged, (element) => Effect.map(host.element("host", element), (found) => found !== null)),
  );
  return {
    links: linksOfHost(),
    leases: namesIn(POOL).filter(isAddress),
    elements: elements.map(nameOf),
    results: namesIn("/var/lib/cni/results"),
  };
}

/** One line each. */
export const describe = ({ links, leases, elements, results }: Belongings): string => {
  const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
  return [
    `links      ${list(links)}`,
    `leases     ${list(leases)}`,
    `nf_tables  ${list(elements)}`,
    `results    ${list(results)}`,
  ].join("\n");
};
