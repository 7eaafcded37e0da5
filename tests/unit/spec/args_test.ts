import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { checkKnownArgs, parseArgs, parseBool } from "../../../src/spec/args.ts";

const parse = (text: string) => Effect.runSync(parseArgs(text));
const refusal = (text: string) => Effect.runSync(Effect.flip(parseArgs(text)));

Deno.test("[B21, B23, I16, J92] pairs are read from left to right, the last of equal keys wins", () => {
  assert.deepEqual([...parse("")], []);
  assert.deepEqual([...parse("A=1;B=;a=2;A=3")], [["A", "3"], ["B", ""], ["a", "2"]]);
  assert.deepEqual([...parse("=x; A =1")], [["", "x"], [" A ", "1"]]);
});

Deno.test("[B23, J92] a piece without '=' is refused with itself and the whole", () => {
  for (const text of ["A", "A=1;", ";A=1", "A=1;;B=2", ";", "IgnoreUnknown=1;A"]) {
    const refused = refusal(text);
    assert.equal(refused.code, 4, text);
    assert(refused.msg.includes(JSON.stringify(text)), refused.msg);
  }
});

Deno.test("[I15] a key ends at the first '=': what follows is the value, with all of its own", () => {
  assert.deepEqual([...parse("IgnoreUnknown=1;K8S_LABEL=a=b==;A==")], [
    ["IgnoreUnknown", "1"],
    ["K8S_LABEL", "a=b=="],
    ["A", "="],
  ]);
});

Deno.test("[B25, J92] unknown keys are refused with their pairs unless IgnoreUnknown is true", () => {
  assert.equal(checkKnownArgs(parse("IP=10.0.0.1"), ["IP"]), null);
  const failure = checkKnownArgs(parse("IP=1;MAC=2;K=3"), ["IP"]);
  assert.equal(failure?.code, 4);
  assert.match(failure.msg, /MAC=2;K=3/);
  for (const yes of ["1", "true", "TRUE"]) {
    assert.equal(checkKnownArgs(parse(`K=3;IgnoreUnknown=${yes}`), []), null, yes);
  }
  for (const no of ["0", "False"]) assert.equal(checkKnownArgs(parse(`K=3;IgnoreUnknown=${no}`), [])?.code, 4, no);
  assert.equal(checkKnownArgs(parse("ignoreunknown=1"), [])?.code, 4);
});

Deno.test("[B24, J91] IgnoreUnknown itself must be a boolean", () => {
  assert.match(checkKnownArgs(parse("IgnoreUnknown=yes"), [])?.msg ?? "", /IgnoreUnknown=yes/);
  assert.match(checkKnownArgs(parse("IgnoreUnknown="), [])?.msg ?? "", /not a boolean/);
});

Deno.test("[B26, J91] booleans are 1, 0, true and false in any case", () => {
  assert.deepEqual(["1", "TRUE", "0", "fAlse", "yes", "", " 1"].map(parseBool), [
    true,
    true,
    false,
    false,
    null,
    null,
    null,
  ]);
});
