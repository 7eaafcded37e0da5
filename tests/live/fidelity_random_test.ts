/** Random scripts played to the simulated kernel and to the real one. */
import assert from "node:assert/strict";
import { forSeeds } from "../property/seeds.ts";
import { can, unless } from "../support/capabilities.ts";
import { randomScript } from "../support/host_random.ts";
import { disagreements, type Outcome, runScript } from "../support/host_script.ts";
import { kernelStage, simulatedStage } from "../support/host_stage.ts";

/** The kernel reports operational states when it gets to it, and no random script waits for that. */
const withoutOperState = (outcomes: readonly Outcome[]): readonly Outcome[] =>
  outcomes.map(({ step, answer }) => {
    if (answer === null || typeof answer !== "object" || !("operState" in answer)) return { step, answer };
    const { operState: _, ...shown } = answer;
    return { step, answer: shown };
  });

Deno.test({
  ...unless(can.netns && can.veth && can.bridge, "random scripts are answered alike", "no namespaces, veth or bridge"),
  async fn() {
    let done = 0;
    await forSeeds(12, async (random) => {
      const steps = randomScript(random);
      using twin = simulatedStage();
      using kernel = kernelStage();
      const told = withoutOperState(await runScript(kernel, steps));
      const [first] = disagreements(withoutOperState(await runScript(twin, steps)), told);
      assert.equal(
        first,
        undefined,
        `\n${
          steps.flatMap(([, does]) => typeof does === "object" && "op" in does ? [JSON.stringify(does)] : []).join("\n")
        }\n${first}`,
      );
      done += told.filter(({ answer }) => answer === "ok").length;
    });
    assert.ok(done > 50, "enough ops succeed to mean something");
  },
});
