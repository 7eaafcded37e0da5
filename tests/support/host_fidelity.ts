/** Tests that play one script to both hosts. */
import assert from "node:assert/strict";
import { can, unless } from "./capabilities.ts";
import { disagreements, runScript, type Step } from "./host_script.ts";
import { kernelStage, simulatedStage } from "./host_stage.ts";
import { hasNfTables } from "./nft_tables.ts";

const hasLinks = can.netns && can.veth && can.bridge;

/** Declares a test of that name: the simulated kernel answers each step as the real one does. */
export function fidelity(name: string, steps: readonly Step[], needs: "links" | "nf_tables" = "links"): void {
  const works = hasLinks && (needs === "links" || hasNfTables);
  Deno.test({
    ...unless(works, name, `no namespaces, veth, bridge${needs === "links" ? "" : " or nf_tables"}`),
    async fn() {
      using twin = simulatedStage();
      using kernel = kernelStage();
      const found = disagreements(await runScript(twin, steps), await runScript(kernel, steps));
      assert.equal(found.length, 0, `${found.length} of ${steps.length} steps disagree\n  ${found.join("\n  ")}`);
    },
  });
}
