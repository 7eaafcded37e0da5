/**
 * Runs one section in a process of its own, so that none begins with what another has compiled or left in memory.
 * Prints the table as JSON.
 */
import { say } from "../tasks/say.ts";
import { progressBar } from "./progress.ts";
import { isSection, SECTIONS } from "./sections.ts";

const [id = "", form = ""] = Deno.args;
if (!isSection(id)) throw new Error(`Cannot measure "${id}": the sections are ${Object.keys(SECTIONS).join(", ")}`);
const tick = progressBar(id);
const run = await SECTIONS[id]();
const table = await run({ quick: form === "quick", peer: Deno.args[2] ?? null, tick });
tick(1);
say(JSON.stringify(table));
