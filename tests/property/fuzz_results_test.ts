/** Whatever a plugin says it has made: a result in all versions, there and back, or a refusal that says where. */
import assert from "node:assert/strict";
import { family } from "../../src/spec/cidr.ts";
import type { Json } from "../../src/spec/json.ts";
import { parsePrevResult, parseResult } from "../../src/spec/parse_result.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { printResult } from "../../src/spec/render_result.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { fuzz } from "../support/fuzz.ts";
import { RESULTS } from "../support/fuzz_documents.ts";
import { faulty, oneOf, smallerJson } from "../support/fuzz_json.ts";
import { namesPlace, sameJson, settle } from "../support/fuzz_verdict.ts";

/** What a version keeps of a result: printed and read again it stays the same, however often. */
function survives(result: CniResult, version: string): void {
  const printed = settle(printResult(result, version));
  if (!printed.ok) return assert.match(printed.failure.msg, /"0\.[12]\.0": it has no IP address/);
  const back = settle(parseResult(JSON.parse(printed.value), ""));
  assert(back.ok, `as ${version}: ${JSON.stringify(back)}`);
  assert.equal(back.value.cniVersion, version);
  sameJson(settle(printResult(back.value, version)), printed, version);
  if (version >= "0.3.0") {
    sameJson([back.value.ips ?? [], back.value.routes ?? []], [result.ips ?? [], result.routes ?? []], version);
  } else for (const { address } of back.value.ips ?? []) assert(result.ips?.some((ip) => ip.address === address));
}

Deno.test("whatever a result holds, it is refused by name or survives every version, both ways", async (t) => {
  let read = 0;
  await fuzz<{ readonly value: Json; readonly version: string }>(t, "results", {
    make: (random) => ({ value: faulty(random, oneOf(random, RESULTS)), version: random.pick(VERSIONS) }),
    holds: ({ value, version }) => {
      for (const parse of [parseResult, parsePrevResult]) {
        const verdict = settle(parse(value, version));
        if (!verdict.ok) {
          namesPlace(verdict.failure, value);
          continue;
        }
        read++;
        for (const { address } of verdict.value.ips ?? []) family(address);
        for (const version of VERSIONS) survives(verdict.value, version);
      }
    },
    smaller: function* ({ value, version }) {
      for (const smaller of smallerJson(value)) yield { value: smaller, version };
    },
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(read > 1_500, `only ${read} results could be read`);
});
