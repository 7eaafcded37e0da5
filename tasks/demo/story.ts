/** The story. Runs in the private world that `tasks/demo.ts` makes; the argument is the folder of the executables. */
import { Cleat } from "../../mod.ts";
import { complain, say } from "../say.ts";
import { attachBlue, attachRed, useTheNetwork } from "./attach.ts";
import { checkAndBreak, refuse } from "./check.ts";
import { deleteAll, killAndRecover, readTheLog } from "./end.ts";
import { type Cast, CONTAINERS, furnish, writeNetwork } from "./scenery.ts";
import { currentStep } from "./stage.ts";

async function story(bin: string): Promise<void> {
  const start = performance.now();
  await furnish(bin);
  const folder = await writeNetwork();
  await using cleat = new Cleat();
  const cast: Cast = { cleat, dbnet: await cleat.load(folder, "dbnet") };
  await attachBlue(cast);
  await attachRed();
  await useTheNetwork();
  await checkAndBreak();
  await refuse(cast);
  const killed = await killAndRecover(cast);
  await deleteAll(cast);
  await readTheLog(killed);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`\nThat was the life of ${CONTAINERS.length} containers, in ${seconds} s. All of it was as told.`);
}

try {
  await story(Deno.args[0] ?? "");
} catch (error) {
  complain(`\nThe demo stopped in step ${currentStep()}: ${error instanceof Error ? error.message : String(error)}`);
  Deno.exit(1);
}
