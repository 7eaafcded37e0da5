import assert from "node:assert/strict";
import { CniCode, failureText, Refused } from "../../../src/spec/failure.ts";
import { readFailure } from "../../../src/spec/read_failure.ts";

Deno.test("[B52, J96] a failure reads as its message, with its details where it has any, and without its code", () => {
  assert.equal(failureText({ code: 7, msg: "no room" }), "no room");
  assert.equal(failureText({ code: 7, msg: "no room", details: "" }), "no room");
  assert.equal(failureText({ code: 7, msg: "no room", details: "try later" }), "no room; try later");
  assert.equal(new Refused({ code: 7, msg: "no room", details: "try later" }).message, "no room; try later");
});

Deno.test("[B70, B71, B72, B73, B74, B75, B76, B77, B78, B79, B80, B82, H33] the codes are those of the specification and of Go", () => {
  assert.deepEqual(CniCode, {
    INCOMPATIBLE_VERSION: 1,
    UNSUPPORTED_FIELD: 2,
    UNKNOWN_CONTAINER: 3,
    INVALID_ENVIRONMENT: 4,
    IO_FAILURE: 5,
    DECODING_FAILURE: 6,
    INVALID_NETWORK_CONFIG: 7,
    INVALID_NETNS: 8,
    TRY_AGAIN_LATER: 11,
    PLUGIN_NOT_AVAILABLE: 50,
    LIMITED_CONNECTIVITY: 51,
    WRONG_STATE: 100,
    DRIFTED: 101,
    RESOURCE_TAKEN: 102,
    INTERNAL: 999,
  });
});

Deno.test("[B68, B83] no code of ours is one that the specification keeps for itself and has not given out", () => {
  for (const [name, code] of Object.entries(CniCode)) {
    assert.ok(code <= 8 || [11, 50, 51].includes(code) || code >= 100, `${name} is ${code}`);
  }
});

Deno.test("[B49, B50, B51, I1] an error object is read in any case of its keys, and its other keys do not count", () => {
  const printed = { cniVersion: "1.1.0", Code: 11, MSG: "later", details: "busy", hint: 1 };
  assert.deepEqual(readFailure(printed), { code: 11, msg: "later", details: "busy" });
  assert.deepEqual(readFailure({ code: 0, msg: "" }), { code: 0 });
  assert.deepEqual(readFailure({ msg: "x", code: null }), { msg: "x" });
  assert.deepEqual(readFailure({}), {});
});

Deno.test.each([{ code: -1 }, { code: 1.5 }, { code: "11" }, { code: 1e300 }, { msg: 7 }, { details: ["d"] }])(
  "[B51, J122] an object with a key of another type is no error object: %o",
  (wrong) => assert.equal(readFailure({ code: 11, msg: "later", details: "d", ...wrong }), null),
);
