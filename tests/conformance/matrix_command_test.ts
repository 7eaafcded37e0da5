/** The `cleat` command with every suite of plugins. */
import { builtBin } from "../support/built.ts";
import { row, SUITES } from "../support/matrix.ts";
import { command } from "../support/runtimes.ts";

const bin = await builtBin();
for (const suite of SUITES) row(bin, command, suite);
