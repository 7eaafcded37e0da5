/** The facts every record carries, from this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Origin } from "./origin.ts";

/** The kernel's boot id: random, made anew at each boot (random(4)). */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** The id of this boot of the machine. Throws where /proc has none: then nothing could tell one boot from the next. */
export const bootId = (): string => known ??= Deno.readTextFileSync(BOOT_ID).trim();

/** A process lives in one boot. */
let known: string | undefined;

/**
 * This process in this boot of this machine, writing as `cleat <version>`. A machine without a boot id is a defect:
 * without it a log could not tell whether the kernel state it describes still exists.
 */
export const systemOrigin = (version: string): Layer.Layer<Origin> =>
  Layer.effect(
    Origin,
    Effect.sync(() => ({
      boot: bootId(),
      pid: Deno.pid,
      by: `cleat ${version}`,
      now: () => new Date().toISOString(),
    })),
  );
