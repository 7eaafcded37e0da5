/** All recipes, loaded: for what looks at every plugin, such as `cleat schema`. */
import * as Effect from "effect/Effect";
import type { AnyPlugin } from "../engine/plugin.ts";
import { recipes } from "./recipes.ts";

/** All of Cleat's plugins by type. */
export const registry: ReadonlyMap<string, AnyPlugin> = new Map(
  await Promise.all([...recipes].map(async ([type, recipe]) => [type, await Effect.runPromise(recipe)] as const)),
);
