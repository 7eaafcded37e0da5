/** Go's libcni, the library of the container runtimes, with every suite of plugins. */
import { builtBin } from "../support/built.ts";
import { NEWER_GOS, NEWER_MIXED, OURS, row, SUITES } from "../support/matrix.ts";
import { libcni, libcniNewer } from "../support/runtimes.ts";

const bin = await builtBin();
for (const suite of SUITES) row(bin, libcni, suite);
for (const older of ["0.3.1", "0.4.0"]) row(bin, libcni, OURS, older);
for (const suite of [OURS, NEWER_GOS, NEWER_MIXED]) row(bin, libcniNewer, suite);
