import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import {
  cachedAttachments,
  cachePath,
  readCachedResult,
  readResult,
  removeCache,
  writeCache,
} from "../../../src/runtime/result_cache.ts";
import type { AttachmentKey } from "../../../src/spec/key.ts";
import type { CniResult } from "../../../src/spec/result.ts";
import { overFiles } from "../../support/cache_files.ts";

const KEY: AttachmentKey = { network: "lab", containerId: "c1", ifName: "eth0" };
const PATH = "/cache/results/lab-c1-eth0";
const RESULT: CniResult = { cniVersion: "1.1.0", ips: [{ address: "172.31.5.7/24" }] };

const write = (files: Map<string, string>, result = RESULT, more: Partial<Parameters<typeof writeCache>[1]> = {}) => {
  const attachment = {
    key: KEY,
    netns: "/run/netns/x1",
    args: [],
    capabilityArgs: {},
    config: '{"name":"lab"}',
    ...more,
  };
  overFiles(files, writeCache("/cache", attachment, result));
};

const read = (files: Map<string, string>, version = "1.1.0", dir = "/cache", key = KEY) =>
  overFiles(files, readCachedResult(dir, key, version));

const refusal = (text: string, version = "1.1.0") =>
  overFiles(new Map([[PATH, text]]), Effect.flip(readResult("/cache", KEY, version)));

Deno.test("[C58, C60] an entry is, byte for byte, what libcni would read", () => {
  const files = new Map<string, string>();
  write(files, RESULT, { args: [["A", "1"]], capabilityArgs: { mac: "02:00:00:00:00:01" } });
  assert.deepEqual([...files], [[
    PATH,
    '{"kind":"cniCacheV1","containerId":"c1","config":"eyJuYW1lIjoibGFiIn0=","ifName":"eth0","networkName":"lab",' +
    '"netns":"/run/netns/x1","cniArgs":[["A","1"]],"capabilityArgs":{"mac":"02:00:00:00:00:01"},' +
    '"result":{"cniVersion":"1.1.0","ips":[{"address":"172.31.5.7/24"}]}}',
  ]]);
  assert.equal(cachePath("/cache", KEY), PATH);
});

Deno.test("[C60] what is empty is left out, text that is not ASCII survives, and no config is null", () => {
  const files = new Map<string, string>();
  write(files, RESULT, { netns: "", config: '{"name":"läb"}' });
  const entry = JSON.parse(files.get(PATH) ?? "");
  assert.deepEqual(Object.keys(entry), ["kind", "containerId", "config", "ifName", "networkName", "result"]);
  const bytes = Uint8Array.from(atob(entry.config), (char) => char.charCodeAt(0));
  assert.equal(new TextDecoder().decode(bytes), '{"name":"läb"}');
  write(files, RESULT, { config: "" });
  assert.equal(JSON.parse(files.get(PATH) ?? "").config, null);
});

Deno.test("[C61, E20] a result of any version is read back as it was written", () => {
  const results: readonly CniResult[] = [
    RESULT,
    { cniVersion: "0.2.0", ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }] },
    {
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", sandbox: "/x" }],
      ips: [{ address: "fd00::2/64", interface: 0 }],
    },
    { cniVersion: "1.0.0", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }], dns: { nameservers: ["10.1.0.1"] } },
  ];
  for (const result of results) {
    const files = new Map<string, string>();
    write(files, result);
    assert.deepEqual(read(files, result.cniVersion), result, result.cniVersion);
  }
});

Deno.test("[C61, E33] a result is converted to the version that is asked for, and loses what that cannot hold", () => {
  const files = new Map<string, string>();
  write(files, { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mtu: 1400, mac: "02:00:00:00:00:01" }] });
  assert.deepEqual(read(files, "0.4.0"), {
    cniVersion: "0.4.0",
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01" }],
  });
  assert.equal(read(files, "0.2.0"), null, "there is no address, and 0.2.0 must have one");
  assert.equal(overFiles(files, Effect.flip(readResult("/cache", KEY, "0.2.0"))).code, 1);
  assert.equal(overFiles(files, Effect.flip(readResult("/cache", KEY, "1.0.7"))).code, 1);
});

Deno.test("[C61] the old format, a bare result, is read too", () => {
  const files = new Map([[PATH, '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.0.2/24"}]}']]);
  assert.deepEqual(read(files, "0.4.0")?.ips, [{ address: "10.1.0.2/24" }]);
  const older = new Map([[PATH, '{"ip4":{"ip":"10.1.0.2/24"}}']]);
  assert.deepEqual(read(older, "0.2.0"), { cniVersion: "0.2.0", ips: [{ address: "10.1.0.2/24" }] });
});

Deno.test("[I29, C37] whatever is wrong with an entry, DEL reads it as none", () => {
  const damages = ["", "{", "null", "[]", '"x"', '{"kind":"cniCacheV1"}', '{"kind":"cniCacheV1","result":7}', "{}"];
  damages.push('{"kind":"cniCacheV1","result":{"cniVersion":"1.1.0","ips":"none"}}', '{"kind":"cniCacheV2"}');
  for (const text of damages) assert.equal(read(new Map([[PATH, text]]))?.ips, undefined, text);
  for (const text of damages.slice(0, 7)) assert.equal(read(new Map([[PATH, text]])), null, text);
  assert.equal(read(new Map()), null);
  assert.equal(read(new Map(), "1.1.0", "/locked"), null, "also one that cannot be read");
});

Deno.test("[C44, C61] a damaged entry is an error for who wants to know, naming the file; a missing one is not", () => {
  for (const text of ["", "{", "null", "[]"]) {
    const { code, msg } = refusal(text);
    assert.equal(code, 6);
    assert.match(msg, /cached result "\/cache\/results\/lab-c1-eth0": it is damaged/, text);
  }
  assert.match(refusal('{"kind":"cniCacheV1","result":{"cniVersion":"1.1.0","ips":7}}').msg, /lab-c1-eth0": .*"ips"/);
  assert.match(refusal('{"kind":"cniCacheV1","result":{"cniVersion":"7.0.0"}}').msg, /"7.0.0"/);
  for (const dir of ["/cache", "/locked"]) assert.equal(overFiles(new Map(), readResult(dir, KEY, "1.1.0")), null);
});

Deno.test("[I19, J124] where two attachments share a file name, neither is given or takes away the other's entry", () => {
  const files = new Map<string, string>();
  const mine = { network: "a-b", containerId: "c", ifName: "eth0" };
  const others = { network: "a", containerId: "b-c", ifName: "eth0" };
  assert.equal(cachePath("/cache", mine), cachePath("/cache", others));
  write(files, RESULT, { key: mine });
  assert.equal(read(files, "1.1.0", "/cache", others), null);
  overFiles(files, removeCache("/cache", others));
  assert.deepEqual(read(files, "1.1.0", "/cache", mine), RESULT);
  overFiles(files, removeCache("/cache", mine));
  assert.deepEqual([...files], []);
});

Deno.test("[I20] a name that would lead out of the folder reads nothing and removes nothing", () => {
  const files = new Map([["/cache/results/../../x-c1-eth0", JSON.stringify(RESULT)]]);
  for (
    const key of [{ ...KEY, network: "../../x" }, { ...KEY, containerId: "../c1" }, { ...KEY, ifName: "/eth0" }, {
      ...KEY,
      network: "",
    }]
  ) {
    assert.equal(read(files, "1.1.0", "/cache", key), null);
    overFiles(files, removeCache("/cache", key));
  }
  assert.equal(files.size, 1);
});

Deno.test("[C38] removing an entry is fine whether it is there, damaged, or not", () => {
  const files = new Map([[PATH, "x"], ["/cache/results/lab-c2-eth0", "y"]]);
  for (let i = 0; i < 2; i++) overFiles(files, removeCache("/cache", KEY));
  assert.deepEqual([...files.keys()], ["/cache/results/lab-c2-eth0"]);
});

Deno.test("[C63] the attachments of a cache are those with readable entries, in the order of file names", () => {
  const files = new Map<string, string>();
  write(files, RESULT, { key: { ...KEY, containerId: "c2" }, args: [["A", "1"]], capabilityArgs: { mac: "m" } });
  write(files, { cniVersion: "0.4.0" }, { netns: "", config: "{not JSON" });
  const entry = (members: object): string => JSON.stringify({ kind: "cniCacheV1", ...members });
  for (
    const [name, text] of [
      ["bare", JSON.stringify(RESULT)],
      ["empty", ""],
      ["kind", entry({ kind: "cniCacheV2", networkName: "lab", containerId: "c9", ifName: "eth0" })],
      ["no-interface", entry({ networkName: "lab", containerId: "c9" })],
      ["no-network", entry({ containerId: "c9", ifName: "eth0" })],
      ["hostile", entry({ networkName: "../..", containerId: "c9", ifName: "eth0" })],
      ["locked", ""],
    ]
  ) files.set(`/cache/results/${name}`, text ?? "");
  assert.deepEqual(overFiles(files, cachedAttachments("/cache")), [
    { key: KEY, netns: "", args: [], capabilityArgs: {}, config: null, result: { cniVersion: "0.4.0" } },
    {
      key: { ...KEY, containerId: "c2" },
      netns: "/run/netns/x1",
      args: [["A", "1"]],
      capabilityArgs: { mac: "m" },
      config: { name: "lab" },
      result: RESULT,
    },
  ]);
});

Deno.test("[C63] the attachments of one container are those with its id, not those whose name contains it", () => {
  const files = new Map<string, string>();
  for (const ifName of ["eth0", "eth1"]) write(files, RESULT, { key: { ...KEY, ifName } });
  write(files, RESULT, { key: { network: "a-c1", containerId: "x", ifName: "eth0" } });
  const found = overFiles(files, cachedAttachments("/cache", "c1"));
  assert.deepEqual(found.map(({ key }) => key.ifName), ["eth0", "eth1"]);
});

Deno.test("[C63, C49] a cache folder that is missing or unreadable has no attachments", () => {
  for (const dir of ["/cache", "/locked"]) assert.deepEqual(overFiles(new Map(), cachedAttachments(dir)), []);
});

Deno.test("[C65] entries without a namespace, and with rubbish where pairs should be, are attachments all the same", () => {
  const text = JSON.stringify({
    kind: "cniCacheV1",
    networkName: "lab",
    containerId: "c1",
    ifName: "eth0",
    config: "%%%",
    cniArgs: [["A", "1"], ["B"], 7, ["C", 2]],
    capabilityArgs: [],
    result: { cniVersion: "1.1.0", ips: 7 },
  });
  assert.deepEqual(overFiles(new Map([[PATH, text]]), cachedAttachments("/cache")), [
    { key: KEY, netns: "", args: [["A", "1"]], capabilityArgs: {}, config: null, result: null },
  ]);
});
