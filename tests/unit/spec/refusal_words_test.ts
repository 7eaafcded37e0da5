import assert from "node:assert/strict";
import { Refused } from "../../../src/spec/failure.ts";

Deno.test("a refusal is one line of bounded length, whatever it quotes", () => {
  const { msg, details, message } = new Refused({
    code: 7,
    msg: `Cannot use "a": "x\nCannot use \x1b[31m" is none`,
    details: `y\r\nz ${"d".repeat(20_000)}`,
  });
  assert.equal(msg, 'Cannot use "a": "x\\nCannot use \\u001b[31m" is none');
  assert(details?.startsWith("y\\r\\nz d") && details.length < 10_100, details);
  assert.equal(message, `${msg}; ${details}`);
  assert.equal(new Refused({ code: 7, msg: "m".repeat(2_000) }).msg, `${"m".repeat(999)}…`);
});
