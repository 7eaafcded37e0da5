/** Several processes at one pool, as kubelet starts them. */
import assert from "node:assert/strict";
import { filesOf, newFolder } from "../support/stores.ts";

const PROCESSES = 4;
const RESERVATIONS = 26;

Deno.test(`${PROCESSES} processes with ${RESERVATIONS} reservations each never share an address`, async () => {
  using folder = newFolder();
  const pool = `${folder.path}/net`;
  const script = new URL("../support/reserve.ts", import.meta.url).pathname;
  const children = Array.from({ length: PROCESSES }, (_, index) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, `${folder.path}/state`, pool, `p${index}`, String(RESERVATIONS)],
      stdout: "piped",
      stderr: "piped",
    }).spawn());
  const outputs = await Promise.all(children.map((child) => child.output()));
  const addresses = outputs.flatMap(({ code, stdout, stderr }) => {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n");
  });
  assert.equal(addresses.length, PROCESSES * RESERVATIONS);
  assert.equal(new Set(addresses).size, addresses.length);
  const leases = Object.entries(filesOf(pool)).filter(([name]) => !name.startsWith("last_reserved_ip."));
  assert.equal(leases.length, addresses.length / 2, "every other reservation was released again");
});
