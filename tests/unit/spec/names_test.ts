import assert from "node:assert/strict";
import {
  checkCacheFileName,
  checkContainerId,
  checkIfName,
  checkNetworkName,
  utf8Length,
} from "../../../src/spec/names.ts";

Deno.test("[A14, A15, B16, J111] container ids and network names are letters, digits, '_', '.' and '-' after a letter or digit", () => {
  for (const good of ["a", "0", "lab", "a-b_c.D9", "a..", "x".repeat(255)]) {
    assert.equal(checkContainerId(good), null, good);
    assert.equal(checkNetworkName(good), null, good);
  }
  for (const bad of ["-a", ".", "..", "../x", "a/b", "a b", "a\n", "ä", "a:b"]) {
    assert.equal(checkContainerId(bad)?.code, 4, bad);
    assert.equal(checkContainerId(bad)?.details, bad);
    assert.equal(checkNetworkName(bad)?.code, 7, bad);
    assert.equal(checkNetworkName(bad)?.details, bad);
  }
});

Deno.test("[B18, B72, B76, I48] an empty container id is an unknown container, an empty network name a bad configuration", () => {
  assert.equal(checkContainerId("")?.code, 3);
  assert.equal(checkNetworkName("")?.code, 7);
});

Deno.test("[A14, B16] names longer than a file name are refused, alone and joined", () => {
  assert.equal(checkContainerId("x".repeat(256))?.code, 4);
  assert.equal(checkNetworkName("x".repeat(256))?.code, 7);
  assert.equal(checkCacheFileName("n".repeat(100), "c".repeat(149), "eth0"), null);
  const refused = checkCacheFileName("n".repeat(100), "c".repeat(150), "eth0");
  assert.equal(refused?.code, 4);
  assert.match(refused.msg, /256 bytes, at most 255/);
});

Deno.test("[B8, B17, J111] an interface name has 1 to 15 bytes and nothing the kernel refuses", () => {
  for (const good of ["e", "eth0", "a".repeat(15), "...", "ä", "net1@if5", "a\ufeffb"]) {
    assert.equal(checkIfName(good), null, good);
  }
  const bad = [
    "",
    ".",
    "..",
    "a/b",
    "a:b",
    "a b",
    "a\tb",
    "a\u0085b",
    "a\u00a0b",
    "a\u3000b",
    "a\0b",
    "a".repeat(16),
    "ä".repeat(8),
  ];
  for (const name of bad) assert.equal(checkIfName(name)?.code, 4, JSON.stringify(name));
  assert.match(checkIfName("ä".repeat(8))?.details ?? "", /at most 15 bytes/);
});

Deno.test("[B18] a refusal names the value and the rule", () => {
  assert.match(checkContainerId("a/b")?.msg ?? "", /container id "a\/b": it must start with/);
  assert.match(checkIfName("a/b")?.msg ?? "", /interface name "a\/b"/);
});

Deno.test("the length of a text is counted in UTF-8 bytes", () => {
  for (const text of ["", "abc", "ä", "€", "😀", "a€😀"]) {
    assert.equal(utf8Length(text), new TextEncoder().encode(text).length, text);
  }
});
