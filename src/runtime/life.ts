/** Whether a container lives, by what the kernel has of it. In doubt it does. */
import * as Effect from "effect/Effect";
import { type FileError, Files } from "../effects/files.ts";
import { type HostError, type HostView, Kernel, type NetnsError, type NetnsIdentity } from "../effects/kernel/host.ts";
import { isLive, type Life, type StreamFacts } from "./judge.ts";

const alive = (why: string): Life => ({ alive: true, why });
const dead = (why: string): Life => ({ alive: false, why });
const unclear = (why: string): Life => ({ alive: null, why });

/** The namespaces that ADDs were given, each once. */
const namespacesOf = (streams: readonly StreamFacts[]): readonly NetnsIdentity[] => {
  const found = streams.flatMap(({ add }) => add === null ? [] : [add.netns]);
  return [...new Map(found.map((netns) => [`${netns.path} ${netns.cookie}`, netns])).values()];
};

/** Host ends of the veth pairs that these streams made into the container: the kernel destroys them with its namespace. */
const ownLinks = (streams: readonly StreamFacts[]): readonly string[] =>
  streams.flatMap(({ stack }) =>
    stack.flatMap(({ op }) =>
      op.op === "link.create" && op.on === "host" && op.link.kind === "veth" && op.link.peer.on === "container"
        ? [op.name]
        : []
    )
  );

/** Links on the host that results name: a plugin that made a veth pair names both ends. */
const namedLinks = (streams: readonly StreamFacts[]): readonly string[] => [
  ...new Set(
    streams.flatMap(({ add, result }) => [add?.prevResult, result])
      .flatMap((result) => result?.interfaces ?? [])
      .filter(({ sandbox }) => !sandbox)
      .map(({ name }) => name),
  ),
];

/** What links say: one that is there is held by somebody, whatever has become of the namespace's path. */
const byLinks = (host: HostView, streams: readonly StreamFacts[]): Effect.Effect<Life | null, HostError> =>
  Effect.gen(function* () {
    const own = ownLinks(streams);
    const names = own.length > 0 ? own : namedLinks(streams);
    const missing: string[] = [];
    for (const name of names) {
      const link = yield* host.link("host", name);
      if (link === null) missing.push(name);
      else if (link.kind === "veth" || own.length > 0) {
        return alive(`its link "${name}" is there, so somebody holds its network namespace`);
      }
    }
    return missing.length === 0 ? null : dead(`its network namespace is gone, and "${missing.join('", "')}" with it`);
  });

/** Where only a path is known: it must have gone from a folder that is still there. */
const byPath = ({ path }: NetnsIdentity): Effect.Effect<Life, FileError, Files> =>
  Effect.gen(function* () {
    const at = path.lastIndexOf("/");
    const folder = path.slice(0, at) || "/";
    const names = yield* Effect.flatMap(Files, (files) => files.list(folder));
    if (names === null) return unclear(`there is no folder "${folder}" that could tell whether "${path}" is gone`);
    return names.includes(path.slice(at + 1))
      ? unclear(`"${path}" is not its network namespace any more, which may be elsewhere`)
      : dead(`its network namespace "${path}" is gone`);
  });

/** Whether that namespace is still behind its path. */
const isThere = (netns: NetnsIdentity): Effect.Effect<boolean, HostError | NetnsError, Kernel> =>
  Effect.scoped(
    Effect.gen(function* () {
      const kernel = yield* Kernel;
      return (yield* kernel.open({ recorded: netns })).netns !== null;
    }),
  );

const look = (streams: readonly StreamFacts[]) =>
  Effect.gen(function* () {
    const namespaces = namespacesOf(streams);
    for (const netns of namespaces) {
      if (yield* isThere(netns)) return alive(`its network namespace "${netns.path}" is there`);
    }
    const kernel = yield* Kernel;
    const told = yield* Effect.scoped(
      Effect.flatMap(kernel.open(null), (host) => byLinks(host, streams)),
    );
    if (told !== null) return told;
    const lives = yield* Effect.forEach(namespaces, byPath);
    return lives.find((life) => life.alive !== false) ?? lives[0] ?? unclear("no ADD of it is known");
  });

/**
 * Whether the container lives: its namespace can be entered, or a link into it is there. Dead is only what the kernel
 * has certainly ended; where there is no link, the path alone must do, and where that proves nothing, nothing is known.
 */
export const lifeOf = (streams: readonly StreamFacts[]): Effect.Effect<Life, never, Kernel | Files> =>
  Effect.catch(
    look(streams.filter((stream) => stream.damage === null && isLive(stream))),
    (error) => Effect.succeed(unclear(error.message)),
  );
