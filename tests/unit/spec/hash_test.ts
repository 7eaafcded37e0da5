import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { cnitoolContainerId, Sha256, sha256Of, sha512Hex } from "../../../src/spec/hash.ts";

Deno.test("hashes match the published vectors", async () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(await Effect.runPromise(sha256Of("abc")), abc);
  assert.equal((await sha512Hex("abc")).slice(0, 32), "ddaf35a193617abacc417349ae204131");
  assert.equal((await sha512Hex("test1234")).slice(0, 24), "2bbe0c48b91a7d1b8a6753a8");
});

Deno.test("[G9, J131] cnitool's container id comes from the path of the namespace", async () => {
  assert.equal(await cnitoolContainerId("/var/run/netns/cnitest"), "cnitool-20c433bb2b1d6ede56d6");
});

Deno.test("a door's own SHA-256 is used, and one that answers at once needs no turn of the event loop", () => {
  const own = sha256Of("abc").pipe(Effect.provideService(Sha256, (bytes) => `${bytes.length} bytes`));
  assert.equal(Effect.runSync(own), "3 bytes");
});
