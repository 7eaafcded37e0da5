import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Json } from "../../../src/spec/json.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { atLeast, parseVersion, selectVersion } from "../../../src/spec/version.ts";

const select = (cniVersion?: Json, cniVersions?: Json) =>
  Effect.runSync(Effect.match(selectVersion(cniVersion, cniVersions), {
    onSuccess: (version) => version,
    onFailure: (refused) => refused,
  }));

Deno.test("[A20, J107] a version is one to three integers; the empty text is 0.1.0", () => {
  assert.deepEqual(parseVersion(""), [0, 1, 0]);
  assert.deepEqual(parseVersion("1"), [1, 0, 0]);
  assert.deepEqual(parseVersion("1.1"), [1, 1, 0]);
  assert.deepEqual(parseVersion("01.+2.-3"), [1, 2, -3]);
  for (const bad of ["1.2.3.4", "v1.0.0", "1.0.0-rc1", " 1.0", "1..0", "1.0.", ".", "1.0.f", "nonsense"]) {
    assert.equal(parseVersion(bad), null, bad);
  }
});

Deno.test("[A20, J107] versions compare by number, not by text", () => {
  assert(atLeast("1.0.0", "1.0"));
  assert(atLeast("0.10.0", "0.9.0"));
  assert(!atLeast("0.3.1", "0.4.0"));
  assert(!atLeast("nonsense", "0.1.0"));
  assert(!atLeast("1.0.0", "nonsense"));
  for (const [index, version] of VERSIONS.entries()) assert.equal(atLeast(version, "0.4.0"), index >= 4);
});

Deno.test("[A7, A8, A18, A19, A21, A22, I24, J23] a list selects the greatest version that is not above 1.1.0", () => {
  const vectors: readonly (readonly [Json | undefined, Json | undefined, string])[] = [
    [undefined, ["1.1.0", "0.4.0", "1.0.0"], "1.1.0"],
    [undefined, ["99.0.0", "1.1.0", "0.4.0"], "1.1.0"],
    ["1.0.0", ["0.1.0", "0.4.0"], "1.0.0"],
    ["9.0.0", ["1.0.0"], "1.0.0"],
    ["9.0.0", ["9.0.0"], "9.0.0"],
    ["1.2.3", undefined, "1.2.3"],
    ["nonsense", undefined, "nonsense"],
    [undefined, [], ""],
    [undefined, undefined, ""],
    [undefined, ["1.0.7", "1.0.0"], "1.0.7"],
  ];
  for (const [own, more, selected] of vectors) assert.equal(select(own, more), selected, JSON.stringify([own, more]));
});

Deno.test("[A6, A19, A22, A57, J23] a bad version is refused with its key and value", () => {
  const vectors: readonly (readonly [Json | undefined, Json | undefined, RegExp])[] = [
    ["nonsense", ["1.0.0"], /"cniVersion": "nonsense"/],
    [undefined, ["1.0.0", "1.0.f"], /"cniVersions\[1\]": "1\.0\.f"/],
    [undefined, ["1.0.0", 1], /"cniVersions\[1\]": 1 /],
    [undefined, "1.0.0", /"cniVersions": "1\.0\.0" is not an array/],
    [undefined, null, /"cniVersions": null/],
    [1, undefined, /"cniVersion": 1 is not a string/],
    [null, undefined, /"cniVersion": null/],
  ];
  for (const [own, more, message] of vectors) {
    const refused = select(own, more);
    assert(typeof refused !== "string" && refused.code === 6, JSON.stringify([own, more]));
    assert.match(refused.msg, message);
  }
});
