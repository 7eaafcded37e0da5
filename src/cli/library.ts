/** The library's choice of layers: this machine, as a program that uses Cleat as a library wants it. */
import { hash } from "node:crypto";
import * as Layer from "effect/Layer";
import { Notices } from "../engine/notice.ts";
import { recipes } from "../plugins/recipes.ts";
import type { Services } from "../runtime/services.ts";
import { Sha256 } from "../spec/hash.ts";
import { stateDir, systemLayer } from "./layers.ts";

/** Where Cleat keeps its own things, and whom it tells what is no result and no error. */
export interface CleatOptions {
  /**
   * Folder of the log. By default `$CLEAT_STATE_DIR`, else `/var/lib/cleat` for root, else `cleat` in the XDG state
   * directory.
   */
  readonly stateDir?: string;
  /** Called with every sentence for the operator, and with what plugins print on stderr. By default nobody is told. */
  readonly onNotice?: (sentence: string) => void;
}

/**
 * The services of this machine: its kernel, the log, host-local's lease directories, plugin executables.
 *
 * @example Read the log
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { EventStore, layer } from "@cleat/cleat";
 * const stateDir = Deno.makeTempDirSync();
 * const streams = Effect.flatMap(EventStore, (store) => store.list({ network: "dbnet" }));
 * const found = await Effect.runPromise(Effect.provide(streams, layer({ stateDir })));
 * Deno.removeSync(stateDir, { recursive: true });
 * if (found.length !== 0) throw new Error("a new log is empty");
 * ```
 */
export const layer = (options: CleatOptions = {}): Layer.Layer<Services> => {
  const services = systemLayer(options.stateDir ?? stateDir((name) => Deno.env.get(name), Deno.uid()), recipes).pipe(
    Layer.provideMerge(Layer.succeed(Sha256)((bytes) => hash("sha256", bytes, "hex"))),
  );
  const { onNotice } = options;
  return onNotice === undefined ? services : Layer.merge(services, Layer.succeed(Notices)(onNotice));
};
