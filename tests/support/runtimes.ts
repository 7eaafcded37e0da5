/** What can run a network's plugins: the library in this process, the `cleat` command, and Go's libcni. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as ManagedRuntime from "effect/ManagedRuntime";
import * as Cause from "effect/Cause";
import { attach, type Attachment, check, detach, layer, loadNetwork, type NetworkList, status } from "../../mod.ts";
import { gc } from "../../src/runtime/gc.ts";
import { pluginVersions } from "../../src/runtime/installed.ts";
import type { Services } from "../../src/runtime/services.ts";
import { isJsonObject, type JsonObject } from "../../src/spec/json.ts";
import { renderResult } from "../../src/spec/render_result.ts";
import type { Lab } from "./lab.ts";
import { builtLibcni, type GoLibcni, installedLibcni, newerLibcni } from "./libcni.ts";
import type { Netns, Ran } from "./netns.ts";
import { type Env, execIn } from "./plugin_exec.ts";

/** The verbs of a network. */
export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** What a verb is run for. */
export interface Order {
  /** CNI_PATH; empty means our recipes in the runtime's process. */
  readonly path: string;
  /** The file of the list, named `<network>.conflist`, in the lab's folder. */
  readonly network: string;
  readonly netns: Netns;
  readonly id: string;
  /** "eth0" unless said. */
  readonly ifName?: string;
  readonly capabilityArgs?: JsonObject;
  /** Containers that GC is to spare. */
  readonly valid?: readonly string[];
}

/** How it ended: null or what was said of the failure, and what was printed. */
export interface Ended {
  readonly failure: string | null;
  readonly printed: JsonObject | null;
}

/** Runs verbs in a lab. */
export type Run = (verb: Verb, order: Order) => Promise<Ended>;

/** A runtime. */
export interface Runtime {
  readonly name: string;
  /** Why it cannot do the verb, or null. */
  readonly lacks: (verb: Verb) => string | null;
  /** Why it is not here, or null. */
  readonly missing: string | null;
  /** The newest specification it speaks. */
  readonly newest: "1.0.0" | "1.1.0";
  /** Whether it can run our recipes without executables. */
  readonly inProcess: boolean;
  /** Runs `fn` with the runtime on the lab's host. Its cache is the lab's folder `cache`. */
  readonly use: (lab: Lab, fn: (run: Run) => Promise<void>) => Promise<void>;
}

/** The folder of the result cache all runtimes share. */
export const cacheIn = (lab: Lab): string => `${lab.folder}/cache`;

const IF_NAME = "eth0";

const ended = ({ code, stdout, stderr }: Ran): Ended => ({
  failure: code === 0 ? null : stderr || stdout,
  printed: stdout === "" ? null : JSON.parse(stdout),
});

const attachmentOf = (lab: Lab, { path, netns, id, ifName = IF_NAME, capabilityArgs = {} }: Order): Attachment => ({
  containerId: id,
  netns: netns.path,
  ifName,
  capabilityArgs,
  cniPath: path,
  cacheDir: cacheIn(lab),
});

const attached = (list: NetworkList, attachment: Attachment) =>
  Effect.flatMap(attach(list, attachment), (result) => renderResult(result, result.cniVersion));

/** What every plugin of a list answers to VERSION. */
const versionsOf = ({ plugins }: NetworkList, path: string) =>
  Effect.map(
    Effect.forEach(plugins, ({ type }) => Effect.map(pluginVersions(type, path), (versions) => [type, versions])),
    Object.fromEntries,
  );

/** A verb by the library. */
const verbOf = (lab: Lab, verb: Verb, list: NetworkList, order: Order) => {
  const attachment = attachmentOf(lab, order);
  const valid = (order.valid ?? []).map((containerId) => ({ containerId, ifName: IF_NAME }));
  switch (verb) {
    case "ADD":
      return attached(list, attachment);
    case "CHECK":
      return check(list, attachment);
    case "DEL":
      return detach(list, attachment);
    case "GC":
      return gc(list, valid, { cacheDir: cacheIn(lab), cniPath: order.path });
    case "STATUS":
      return status(list, order.path);
    case "VERSION":
      return versionsOf(list, order.path);
  }
};

const byLibrary = (lab: Lab, runtime: ManagedRuntime.ManagedRuntime<Services, never>): Run => async (verb, order) => {
  const list = await runtime.runPromise(loadNetwork(lab.folder, order.network));
  const exit = await runtime.runPromiseExit<unknown, Error>(verbOf(lab, verb, list, order));
  if (Exit.isFailure(exit)) return { failure: Cause.pretty(exit.cause), printed: null };
  return { failure: null, printed: isJsonObject(exit.value) ? exit.value : null };
};

/** The library of this project. */
export const library: Runtime = {
  name: "the library",
  lacks: () => null,
  missing: null,
  newest: "1.1.0",
  inProcess: true,
  use: (lab, fn) =>
    lab.host.stay(async () => {
      await using runtime = ManagedRuntime.make(layer({ stateDir: lab.state }));
      await fn(byLibrary(lab, runtime));
    }),
};

const environment = ({ path, capabilityArgs = {} }: Order): Env => ({
  CNI_PATH: path,
  CAP_ARGS: JSON.stringify(capabilityArgs),
});

/** The operator command. */
export const command: Runtime = {
  name: "cleat",
  lacks: (verb) => verb === "VERSION" ? "as cnitool, cleat has no such command" : null,
  missing: null,
  newest: "1.1.0",
  inProcess: true,
  use: (lab, fn) =>
    fn(async (verb, order) => {
      const valid = verb === "GC" ? (order.valid ?? []).flatMap((id) => ["--valid", `${id}/${IF_NAME}`]) : [];
      const names = ["--container-id", order.id, "--ifname", order.ifName ?? IF_NAME];
      const options = [...names, "--cache-dir", cacheIn(lab), ...valid];
      const args = [verb.toLowerCase(), order.network, order.netns.path, ...options];
      return ended(await lab.cleat(args, environment(order)));
    }),
};

/** Go's library, of one release. */
const libcniAs = (library: GoLibcni): Runtime => ({
  name: library.name,
  lacks: library.lacksVerb,
  missing: library.missing,
  newest: library.lacksVerb("GC") === null ? "1.1.0" : "1.0.0",
  inProcess: false,
  use: async (lab, fn) => {
    const program = await builtLibcni(library);
    await fn(async (verb, order) => {
      const file = `${lab.folder}/${order.network}.conflist`;
      const valid = (order.valid ?? []).map((id) => ({ containerID: id, ifname: IF_NAME }));
      const env = {
        ...environment(order),
        CLEAT_STATE_DIR: lab.state,
        VALID_ATTACHMENTS: JSON.stringify(valid),
      };
      const args = [verb, file, cacheIn(lab), order.id, order.netns.path, order.ifName ?? IF_NAME];
      return ended(await execIn(lab.host, program, env, "", args));
    });
  },
});

/** The library that is installed. */
export const libcni: Runtime = libcniAs(installedLibcni);

/** The library that `deno task newer-suite` fetches. */
export const libcniNewer: Runtime = libcniAs(newerLibcni);
