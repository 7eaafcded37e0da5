import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Command } from "../../../src/spec/environment.ts";
import { checkVersion, parseRequestConfig } from "../../../src/spec/request_config.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";

const parse = (text: string, command: Command = "ADD") => Effect.runSync(parseRequestConfig(text, command));
const refuse = (text: string, command: Command = "ADD") =>
  Effect.runSync(Effect.flip(parseRequestConfig(text, command)));

Deno.test("the envelope is read, and everything kept as it came", () => {
  const raw = {
    name: "lab",
    cniVersion: "1.1.0",
    prevResult: { cniVersion: "1.1.0" },
    runtimeConfig: { mac: "x" },
    args: { cni: {} },
    extra: 1,
  };
  assert.deepEqual(parse(JSON.stringify(raw)), {
    name: "lab",
    cniVersion: "1.1.0",
    prevResult: { cniVersion: "1.1.0" },
    runtimeConfig: { mac: "x" },
    args: { cni: {} },
    validAttachments: [],
    raw,
  });
});

Deno.test("the envelope's keys come out as the spec spells them, so that nobody reads another value later", () => {
  const odd = { Name: "other", NAME: "lab", cniVerſion: "1.0.0", PrevResult: {}, prevresult: null, Extra: { Name: 1 } };
  const { name, cniVersion, prevResult, raw } = parse(JSON.stringify(odd));
  assert.deepEqual([name, cniVersion, prevResult], ["lab", "1.0.0", {}]);
  assert.deepEqual(raw, { name: "lab", cniVersion: "1.0.0", prevResult: {}, Extra: { Name: 1 } });
});

Deno.test("a configuration that is too long or too deep is refused with the limit, whatever else is in it", () => {
  const deep = (levels: number) => `{"name":"n","deep":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  assert.equal(
    refuse(deep(1_000)).msg,
    "Cannot read the network configuration: its values are nested more than 1000 levels deep",
  );
  assert.equal(parse(deep(999)).name, "n");
  const quoted = JSON.stringify({ name: "n", text: '["{\\'.repeat(2_000) });
  assert.equal(parse(quoted).name, "n", "brackets in a text do not nest");
  const long = (characters: number) => `{"name":"n"}`.padEnd(characters);
  assert.match(refuse(long(2 ** 20 + 1)).msg, /it has 1048577 characters, at most 1048576 are read/);
  assert.equal(parse(long(2 ** 20)).name, "n");
  assert.equal(parse(long(4 * 2 ** 20), "GC").name, "n", "GC lists all that lives on the host");
  assert.match(refuse(long(4 * 2 ** 20 + 1), "GC").msg, /at most 4194304 are read/);
});

Deno.test("[A7, I9, J105] an absent, null or empty cniVersion is 0.1.0", () => {
  for (const text of ['{"name":"n"}', '{"name":"n","cniVersion":""}', '{"name":"n","cniVersion":null}']) {
    assert.equal(parse(text).cniVersion, "0.1.0", text);
  }
});

Deno.test("[B37, B75, J130] what is not exactly one JSON object is a decoding failure", () => {
  for (
    const text of [
      "",
      "{",
      '{"name":"n"} x',
      '{"name":"n"}{}',
      "[]",
      "1",
      '"x"',
      '\ufeff{"name":"n"}',
      '{"name":1}',
      '{"name":"n","cniVersion":1}',
    ]
  ) {
    assert.equal(refuse(text).code, 6, text);
  }
});

Deno.test("[A9, A16, B37, B76, J72] a missing or bad name is a bad configuration", () => {
  for (const text of ["null", "{}", '{"name":""}', '{"name":null}']) {
    assert.equal(refuse(text).code, 7, text);
    assert.match(refuse(text).msg, /"name"/);
  }
  assert.equal(refuse('{"name":"../x"}').code, 7);
  assert.equal(refuse('{"name":"../x"}').details, "../x");
});

Deno.test("[A39] a prevResult that is no object is refused, except by DEL", () => {
  assert.equal(refuse('{"name":"n","prevResult":"x"}').code, 7);
  assert.equal(parse('{"name":"n","prevResult":"x"}', "DEL").prevResult, null);
  assert.equal(parse('{"name":"n","prevResult":null}').prevResult, null);
});

Deno.test("[A40, C48, C52, C54, I17] GC reads what is still valid under the new key, then the old one", () => {
  const attachment = { containerID: "c1", ifname: "eth0" };
  const valid = (object: Record<string, unknown>) =>
    parse(JSON.stringify({ name: "n", ...object }), "GC").validAttachments;
  const read = [{ containerId: "c1", ifName: "eth0" }];
  assert.deepEqual(valid({ "cni.dev/valid-attachments": [attachment], "cni.dev/attachments": [] }), read);
  assert.deepEqual(valid({ "cni.dev/attachments": [{ ContainerID: "c1", IfName: "eth0" }] }), read);
  for (const none of [{}, { "cni.dev/valid-attachments": null }, { "cni.dev/valid-attachments": [] }]) {
    assert.deepEqual(valid(none), []);
  }
});

Deno.test("[C48] GC refuses attachments it cannot read, other verbs do not look", () => {
  const text = '{"name":"n","cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c1"}]}';
  assert.match(refuse(text, "GC").msg, /"cni\.dev\/valid-attachments\[1\]": \{"containerID":"c1"\}/);
  assert.equal(refuse('{"name":"n","cni.dev/valid-attachments":{}}', "GC").code, 7);
  assert.deepEqual(parse(text, "ADD").validAttachments, []);
});

Deno.test("[B39, B46, B70, J108] ADD and DEL need exactly one of the plugin's versions", () => {
  for (const command of ["ADD", "DEL"] as const) {
    assert.equal(checkVersion(command, "1.0.0", VERSIONS), null);
    for (const version of ["1.0.5", "1.1", "1.0", "nonsense", "9.9.9"]) {
      const failure = checkVersion(command, version, VERSIONS);
      assert.equal(failure?.code, 1, version);
      assert(failure.details?.includes(version) && failure.details.includes('"0.3.1"'), failure.details);
    }
  }
});

Deno.test("[B40, I10, J72, J73, J116] CHECK needs 0.4.0, GC and STATUS need 1.1.0", () => {
  for (const [command, since] of [["CHECK", "0.4.0"], ["GC", "1.1.0"], ["STATUS", "1.1.0"]] as const) {
    for (const version of VERSIONS) {
      const expected = VERSIONS.indexOf(version) >= VERSIONS.indexOf(since) ? undefined : 1;
      assert.equal(checkVersion(command, version, VERSIONS)?.code, expected, `${command} ${version}`);
    }
    assert.equal(checkVersion(command, "nonsense", VERSIONS)?.code, 6);
    assert.equal(checkVersion(command, "1.1.0", ["nonsense", "1.1.0"])?.code, 6);
    assert.match(checkVersion(command, "1.1.0", ["0.4.0"])?.msg ?? "", /no version as high as 1\.1\.0/);
  }
  assert.equal(checkVersion("CHECK", "1.0.0", ["1.1.0"])?.code, 1);
});
