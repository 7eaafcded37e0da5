/** Kills executables at random moments in a private world, and prints what came of it as one JSON document. */
import { random } from "../../tests/property/spec_random.ts";
import { killAtRandom } from "./random.ts";

const dice = random(1);
const [bin = "", rounds = "8"] = Deno.args;
const found = await killAtRandom(bin, Number(rounds), () => dice.below(1000) / 1000);
await new Blob([JSON.stringify(found)]).stream().pipeTo(Deno.stdout.writable);
