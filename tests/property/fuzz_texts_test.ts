/** Whatever a text is, what reads addresses, versions and names reads it the same again, or says that it is none. */
import assert from "node:assert/strict";
import { formatCidr, formatIp, parseCidr, parseIp } from "../../src/spec/cidr.ts";
import { COMMANDS } from "../../src/spec/environment.ts";
import { parseLinkMac, parseMac } from "../../src/spec/mac.ts";
import { checkContainerId, checkIfName, checkNetworkName } from "../../src/spec/names.ts";
import { checkVersion } from "../../src/spec/request_config.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { atLeast, parseVersion, selectVersion } from "../../src/spec/version.ts";
import { fuzz } from "../support/fuzz.ts";
import { anyJson, oneOf } from "../support/fuzz_json.ts";
import { smallerText, torn } from "../support/fuzz_text.ts";
import { isSentence, namesPlace, settle } from "../support/fuzz_verdict.ts";

/** Good texts of every kind, to put faults into. */
const GOOD = [
  ...[
    "10.1.0.2",
    "10.1.0.2/16",
    "fd00::1",
    "fd00::1/64",
    "::ffff:10.1.0.2/112",
    "::",
    "0.0.0.0/0",
    "2001:db8:1::a/128",
  ],
  ...[
    "02:00:00:00:00:01",
    "02-00-00-00-00-0a",
    "0200.0000.00ff",
    "1.1.0",
    "0.4.0",
    "1",
    "1.0.0-rc1",
    "eth0",
    "c1",
    "lab",
  ],
  "interface-number",
];

const PIECES = [
  ...'0123456789abcdefABCDEFxX.:/-+=;%{}[]",\\ \n\0',
  "::",
  "10.",
  "ffff",
  "/64",
  "€",
  "😀",
  "\ud800",
  "\u0661",
];

Deno.test("whatever a text is, it is read the same again or is none", async (t) => {
  await fuzz<string>(t, "texts", {
    make: (random) =>
      random.below(3) === 0 ? random.list(24, () => oneOf(random, PIECES)).join("") : torn(random, oneOf(random, GOOD)),
    holds: (text, random) => {
      const ip = parseIp(text), cidr = parseCidr(text), mac = parseMac(text);
      if (ip !== null) assert.deepEqual(parseIp(formatIp(ip)), ip);
      if (cidr !== null) assert.deepEqual(parseCidr(formatCidr(cidr)), cidr);
      if (mac !== null) assert.deepEqual([parseMac(mac), parseLinkMac(mac)], [mac, parseLinkMac(text)]);
      assert([ip, cidr, mac].filter((found) => found !== null).length <= 1, "it is read as two things");
      assert.equal(atLeast(text, text), parseVersion(text) !== null);
      const checks = [checkContainerId(text), checkNetworkName(text), checkIfName(text)];
      const versions = checkVersion(random.pick(COMMANDS), text, random.pick<readonly string[]>([VERSIONS, [text]]));
      for (const failure of [...checks, versions]) if (failure !== null && text !== "") isSentence(failure);
    },
    smaller: smallerText,
  });
});

Deno.test("whatever versions a list asks for, one of them is selected or one is refused by name", async (t) => {
  await fuzz(t, "versions", {
    make: (random) => {
      const one = () =>
        random.below(3) === 0 ? anyJson(random, 2) : torn(random, random.pick(["1.1.0", "1.0.0", "0.4.0", "2.0.0"]));
      return { cniVersion: one(), cniVersions: random.below(5) === 0 ? one() : random.list(4, one) };
    },
    holds: ({ cniVersion, cniVersions }) => {
      const verdict = settle(selectVersion(cniVersion, cniVersions));
      if (!verdict.ok) return namesPlace(verdict.failure, { cniVersion, cniVersions });
      assert(Array.isArray(cniVersions));
      assert([cniVersion, ...cniVersions].includes(verdict.value), verdict.value);
    },
  });
});
