import assert from "node:assert/strict";
import { ownFaults } from "../../../tasks/doc_lint.ts";

const privateRef = (type: string, line: number, declaration: string) =>
  `error[private-type-ref]: public type 'Refused' references private type '${type}'
   --> /src/spec/failure.ts:47:1
    |
 47 | export class Refused extends ${type} {
    | ^
    = hint: make the referenced type public or remove the reference
    |
${line} | ${declaration}
    |    - this is the referenced type
    |

  info: to ensure documentation is complete all types that are exposed in the public API must be public

`;

const undocumented = `error[missing-jsdoc]: exported symbol is missing JSDoc documentation
  --> /src/spec/failure.ts:32:12
   |
32 |   readonly code: number;
   |            ^

`;

const END = "error: Found 2 documentation lint errors.\n\nStack backtrace:\n   0: <unknown>\n";

Deno.test("a private type of a package is no fault, one of ours is", () => {
  const report = privateRef("TaggedError", 798, "export declare const TaggedError: unknown;") +
    privateRef("Op", 3, "export type Op = 1;") + END;
  const [fault = "", ...others] = ownFaults(report, (line, text) => line === 3 && text === "export type Op = 1;");
  assert.match(fault, /^error\[private-type-ref\]: .* private type 'Op'\n/);
  assert.deepEqual(others, []);
});

Deno.test("a symbol without documentation is a fault", () => {
  assert.deepEqual(ownFaults(undocumented + END, () => false), [undocumented.trimEnd()]);
});

Deno.test("an error the lint does not number is a fault, such as a file that does not parse", () => {
  const broken = "error: Expected ';', '}' or <eof> at file:///mod.ts:1:7\n";
  assert.deepEqual(ownFaults(broken, () => false), [broken.trimEnd()]);
});

Deno.test("a report without a fault has none", () => {
  assert.deepEqual(ownFaults(END, () => true), []);
  assert.deepEqual(ownFaults("", () => true), []);
});
