/** `deno task bench`: start-up of the executables and attaching in-process, as ratios measured in one run. */
import { say } from "../tasks/say.ts";
import { inProcessTable, showInProcess } from "./in_process.ts";
import { showStartup, startupTable } from "./startup.ts";

/** What the ratios must stay below, and what an ADD may take on a quiet machine, in milliseconds. */
const VERSION_TARGET = 1.6;
const ADD_TARGET_MS = 5;

const verdict = (met: boolean): string => (met ? "met" : "missed");

const startup = await startupTable();
say("Start-up of an executable");
for (const line of showStartup(startup)) say(`  ${line}`);
const slowest = Math.max(...startup.map(({ ratio }) => ratio));
say(`  target: at most ${VERSION_TARGET} × an empty script: ${verdict(slowest <= VERSION_TARGET)}`);

const inProcess = await inProcessTable();
say("\nIn one process, warm");
for (const line of showInProcess(inProcess)) say(`  ${line}`);
const add = inProcess.find(({ name }) => name === "dbnet ADD")?.medianMs ?? NaN;
say(`  target: ADD under ${ADD_TARGET_MS} ms on a quiet machine: ${verdict(add < ADD_TARGET_MS)}`);
