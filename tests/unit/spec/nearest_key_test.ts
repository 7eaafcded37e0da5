import assert from "node:assert/strict";
import { nearestKey } from "../../../src/spec/nearest_key.ts";

const KEYS = ["bridge", "isGateway", "isDefaultGateway", "ipMasq", "mtu", "vlan", "ipam", "dns", "gw", "id", "minID"];

Deno.test("a key with a letter too many, too few, wrong, or swapped is recognised, whatever its case", () => {
  const misspelt: readonly (readonly [string, string])[] = [
    ["isGatway", "isGateway"],
    ["isGatewway", "isGateway"],
    ["isgateway", "isGateway"],
    ["isGatewya", "isGateway"],
    ["isDefaultGatway", "isDefaultGateway"],
    ["defaultGateway", "isDefaultGateway"],
    ["mut", "mtu"],
    ["ipmask", "ipMasq"],
    ["vlna", "vlan"],
    ["MTU", "mtu"],
  ];
  for (const [key, meant] of misspelt) assert.equal(nearestKey(key, KEYS), meant);
});

Deno.test("a key that resembles none is somebody else's", () => {
  for (const key of ["keyA", "", "x", "gv", "ix", "hairpin", "mode", "linkInContainer", "__proto__", "é".repeat(9)]) {
    assert.equal(nearestKey(key, KEYS), null, key);
  }
  assert.equal(nearestKey("isGateway", []), null);
});

Deno.test("the nearest of several wins, the first of equally near ones", () => {
  assert.equal(nearestKey("rangeStar", ["rangeEnd", "rangeStart", "ranges"]), "rangeStart");
  assert.equal(nearestKey("abcdef", ["abcdeX", "abcdeY"]), "abcdeX");
});

Deno.test("a key of any length is answered at once", () => {
  assert.equal(nearestKey("isGateway".repeat(100_000), KEYS), null);
});
