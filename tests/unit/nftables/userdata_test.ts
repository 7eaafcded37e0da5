import assert from "node:assert/strict";
import { MAX_COMMENT_BYTES } from "../../../src/effects/kernel/nft.ts";
import {
  COMMENT,
  decodeComment,
  encodeComment,
  SET_COMMENT,
} from "../../../src/effects/kernel/linux/nftables/userdata.ts";

Deno.test("a comment is one NUL-terminated triple and reads back as it was", () => {
  assert.deepEqual(encodeComment("ab", COMMENT), Uint8Array.of(0, 3, 97, 98, 0));
  assert.deepEqual(encodeComment("ab", SET_COMMENT), Uint8Array.of(7, 3, 97, 98, 0));
  assert.equal(decodeComment(encodeComment("net/Grüße/eth0", COMMENT), COMMENT), "net/Grüße/eth0");
  assert.equal(decodeComment(encodeComment("", COMMENT), COMMENT), "");
});

Deno.test("a long comment is cut between characters, as late as possible", () => {
  for (const character of ["a", "é", "€", "𝄞"]) {
    const size = new TextEncoder().encode(character).length;
    for (let lead = 0; lead < 4; lead++) {
      const text = "x".repeat(lead) + character.repeat(200);
      const encoded = encodeComment(text, COMMENT);
      const kept = decodeComment(encoded, COMMENT);
      assert.ok(kept !== null && text.startsWith(kept), `${character} after ${lead}`);
      const bytes = new TextEncoder().encode(kept).length;
      assert.equal(encoded.length, bytes + 3);
      assert.ok(bytes <= MAX_COMMENT_BYTES && bytes > MAX_COMMENT_BYTES - size, `${bytes} bytes`);
    }
  }
  const exact = "b".repeat(MAX_COMMENT_BYTES);
  assert.equal(decodeComment(encodeComment(exact, COMMENT), COMMENT), exact);
});

Deno.test("other triples are passed over, and torn ones end the search", () => {
  const foreign = Uint8Array.of(3, 2, 1, 1);
  const both = Uint8Array.from([...foreign, ...encodeComment("c", COMMENT)]);
  assert.equal(decodeComment(both, COMMENT), "c");
  assert.equal(decodeComment(both, SET_COMMENT), null);
  assert.equal(decodeComment(Uint8Array.of(3, 200, 0), COMMENT), null);
  assert.equal(decodeComment(new Uint8Array(), COMMENT), null);
});
