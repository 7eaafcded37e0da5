import { disagreements, runScript, type Outcome } from "../support/host_script.ts";
import { randomScript } from "../support/host_random.ts";
import { kernelStage, simulatedStage } from "../support/host_stage.ts";
import { random } from "../property/spec_random.ts";
const strip = (o: readonly Outcome[]) => o.map((x) => x.answer !== null && typeof x.answer === "object" && "operState" in x.answer ? { ...x, answer: { ...x.answer, operState: "" } } : x);
Deno.test("t", async () => {
  const t0 = Date.now();
  for (let seed = 13; seed < 600 && Date.now() - t0 < 30000; seed++) {
    const steps = randomScript(random(seed));
    using twin = simulatedStage(); using kernel = kernelStage();
    const a = strip(await runScript(twin, steps)), b = strip(await runScript(kernel, steps));
    const d = disagreements(a, b);
    if (d.length) { console.log("=== seed", seed, d.length, d[0]); const at = Number(/step (\d+)/.exec(d[0]!)![1]);
      for (const [i, [n, does]] of steps.slice(0, at).entries()) if (typeof does === "object" && "op" in does && b[i]!.answer !== "ENODEV") console.log("   ", b[i]!.answer, n); }
    if (seed % 50 === 0) console.log("seed", seed);
  }
});
