/** Go's libcni, the library of the container runtimes, with every suite of plugins. */
import { builtBin } from "../support/built.ts";
import { OURS, row, SUITES } from "../support/matrix.ts";
import { libcni } from "../support/runtimes.ts";

const bin = await builtBin();
for (const suite of SUITES) row(bin, libcni, suite);
for (const older of ["0.3.1", "0.4.0"]) row(bin, libcni, OURS, older);
