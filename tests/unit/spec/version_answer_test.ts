import assert from "node:assert/strict";
import { versionAnswer } from "../../../src/spec/version_answer.ts";

const VERSIONS = ["0.4.0", "1.0.0", "1.1.0"];

Deno.test("[B62, B63, I8, J75] VERSION answers in the version it is asked in, with the plugin's own in their order", () => {
  for (const cniVersion of ["1.1.0", "0.4.0", "9.9.9"]) {
    const text = versionAnswer(JSON.stringify({ cniVersion }), VERSIONS);
    assert.ok(text.endsWith("\n"));
    assert.deepEqual(JSON.parse(text), { cniVersion, supportedVersions: VERSIONS });
  }
});

Deno.test("[B28, B63] VERSION that is asked in no version answers in the newest", () => {
  for (const request of ["", "{", "null", "[]", "{}", '{"cniVersion":7}', '{"cniVersion":""}']) {
    assert.equal(JSON.parse(versionAnswer(request, VERSIONS)).cniVersion, "1.1.0", request);
  }
});
