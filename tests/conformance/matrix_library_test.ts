/** The library in this process with every suite of plugins. */
import { builtBin } from "../support/built.ts";
import { GOS, row, SUITES } from "../support/matrix.ts";
import { library } from "../support/runtimes.ts";

const bin = await builtBin();
for (const suite of SUITES) row(bin, library, suite);
for (const older of ["0.3.1", "0.4.0"]) row(bin, library, GOS, older);
