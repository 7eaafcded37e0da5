/** Input of any size and depth is read or refused by name, at once: what is read takes no more time than its size asks. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { registry } from "../../src/plugins/registry.ts";
import { readListFile } from "../../src/runtime/conf_files.ts";
import { parseArgs } from "../../src/spec/args.ts";
import { decodeConfig } from "../../src/spec/decode_config.ts";
import { readEnvironment } from "../../src/spec/environment.ts";
import type { CniFailure } from "../../src/spec/failure.ts";
import { isJsonObject, jsonOf } from "../../src/spec/json.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";
import { parseResult } from "../../src/spec/parse_result.ts";
import { parseRequestConfig } from "../../src/spec/request_config.ts";
import { REQUESTS } from "../support/fuzz_documents.ts";
import { machineFor, start } from "../support/fuzz_door.ts";
import { GOOD } from "../support/fuzz_environment.ts";
import { isSentence, verdictOf } from "../support/fuzz_verdict.ts";

/** Runs in this many milliseconds at its best of three: other tests are busy too. */
const AT_ONCE_MS = 1_000;

type Reading = () => Effect.Effect<unknown, CniFailure & { readonly message: string }>;

/** Answers in time, with a value or a refusal in one sentence. */
async function answersAtOnce(what: string, reading: Reading): Promise<void> {
  const times: number[] = [];
  do {
    const began = performance.now();
    const exit = await Effect.runPromiseExit(Effect.suspend(reading));
    times.push(performance.now() - began);
    verdictOf(exit, ({ code, msg, details }) => details === undefined ? { code, msg } : { code, msg, details });
  } while (Math.min(...times) > AT_ONCE_MS && times.length < 3);
  assert(Math.min(...times) <= AT_ONCE_MS, `${what}: ${times.map(Math.round).join(", ")} ms`);
}

const list = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, at) => item(at)).join();

/** Texts of about this many characters that are hard on one reader or another. */
const HARD: Readonly<Record<string, (size: number) => string>> = {
  "nothing but opening brackets": (size) => "[".repeat(size),
  "100 000 arrays": () => "[".repeat(100_000) + "]".repeat(100_000),
  "100 000 objects under a wrong key": () => `{"name":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`,
  "keys without end": (size) => `{${list(size / 14, (at) => `"k${at}":1`)},"name":"a","plugins":[{"type":"x"}]}`,
  "one key again and again": (size) => `{${list(size / 11, () => '"name":"a"')}}`,
  "plugins that are all wrong": (size) => `{"name":"a","plugins":[${list(size / 11, () => '{"type":7}')}]}`,
  "capabilities that are all wrong": (size) =>
    `{"name":"a","plugins":[{"type":"x","capabilities":{${list(size / 12, (at) => `"k${at}":1`)}}}]}`,
  "versions that are all wrong": (size) => `{"name":"a","cniVersions":[${list(size / 4, () => '"x"')}]}`,
  "one long name": (size) => `{"name":"${"x".repeat(size)}","plugins":[{"type":"x"}]}`,
  "one long number": (size) => `{"name":${"9".repeat(size)}}`,
  "comments": (size) => `${"/**/".repeat(size / 4)}{"name":"a","plugins":[{"type":"x"},]}`,
  "a comment without end": (size) => "/*".repeat(size / 2),
  "words": (size) => "a ".repeat(size / 2),
  "lines": (size) => "\n".repeat(size),
  "quotes": (size) => '"'.repeat(size),
};

for (const [size, name] of [[2 ** 19, "half a megabyte"], [10_000_000, "ten megabytes"]] as const) {
  Deno.test(`${name} of whatever is hard to read is read or refused within a second`, async () => {
    for (const [what, make] of Object.entries(HARD)) {
      const text = make(size);
      await answersAtOnce(`${what}, a file`, () => readListFile(text, "/net.d/a.conflist"));
      await answersAtOnce(`${what}, a list`, () => parseNetworkList(text, "a"));
      await answersAtOnce(`${what}, stdin`, () => parseRequestConfig(text, "ADD"));
    }
  });
}

/** Good keys of plugins with very many values. */
const MANY: readonly (readonly [type: string, text: string])[] = [
  ["host-local", `{"ipam":{"routes":[${list(20_000, () => '{"dst":7}')}]}}`],
  ["host-local", `{"ipam":{"ranges":[[${list(10_000, (at) => `{"subnet":"10.${at >> 8}.${at & 255}.0/24"}`)}]]}}`],
  ["tuning", `{"sysctl":{${list(20_000, (at) => `"net.k${at}":"1"`)}}}`],
  ["tuning", `{"sysctl":{${list(20_000, (at) => `"net.k${at}":1`)}}}`],
  [
    "portmap",
    `{"runtimeConfig":{"portMappings":[${list(10_000, (at) => `{"hostPort":${at + 1},"containerPort":80}`)}]}}`,
  ],
  ["portmap", `{"conditionsV4":[${list(40_000, () => '"ip saddr 192.0.2.1"')}]}`],
  ["portmap", `{"conditionsV4":["${"-s 192.0.2.1 ".repeat(40_000)}"]}`],
  ["bridge", `{"vlanTrunk":[${list(20_000, () => '{"minID":1,"maxID":4094}')}]}`],
];

Deno.test("thousands of values under one key of a plugin are read or refused within a second", async () => {
  for (const [type, text] of MANY) {
    const raw = jsonOf(text);
    assert(isJsonObject(raw));
    const recipe = registry.get(type);
    assert(recipe !== undefined, type);
    const request = { key: { network: "n", containerId: "c", ifName: "eth0" }, netns: null, raw, cniVersion: "1.1.0" };
    await answersAtOnce(`${type}: ${text.slice(0, 60)}`, () =>
      recipe((plugin) =>
        Effect.tap(
          decodeConfig(plugin.config, raw),
          (config) => plugin.validate?.(config, { ...request, args: new Map(), prevResult: null }) ?? Effect.void,
        )
      ));
  }
});

Deno.test("long results, arguments and environments are read or refused within a second", async () => {
  const results = [
    `{"ips":[${list(20_000, () => '{"address":"10.1.0.2/16"}')}]}`,
    `{"routes":[${list(20_000, () => '{"dst":"10.1.0.2/99"}')}]}`,
    `{"ips":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    `{${list(50_000, (at) => `"k${at}":1`)}}`,
  ];
  for (const text of results) {
    const value = jsonOf(text);
    assert(value !== undefined);
    await answersAtOnce(text.slice(0, 60), () => parseResult(value, "1.1.0"));
  }
  await answersAtOnce("CNI_ARGS", () => parseArgs(`${"a=b;".repeat(30_000)}c`));
  const long = "x".repeat(120_000);
  await answersAtOnce(
    "the environment",
    () => readEnvironment({ CNI_COMMAND: "DEL", CNI_CONTAINERID: long, CNI_IFNAME: long }),
  );
});

Deno.test("a plugin that is given values 100 000 levels deep refuses them, and goes on serving the attachment", async () => {
  const machine = machineFor("tuning");
  const config = JSON.stringify({ ...REQUESTS["tuning"], mtu: 1300 });
  const deep = `${config.slice(0, -1)},"deep":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const run = (command: string, stdin: string) => start(machine, "tuning", { ...GOOD, CNI_COMMAND: command }, stdin);
  assert.equal((await run("ADD", config)).code, 0);
  for (const command of ["ADD", "CHECK", "GC", "STATUS"]) {
    const { code, stdout } = await run(command, deep);
    const failure = jsonOf(stdout);
    assert(code === 1 && isJsonObject(failure) && typeof failure.msg === "string", stdout);
    assert.match(failure.msg, /nested more than 1000 levels deep/);
    isSentence({ code: Number(failure.code), msg: failure.msg });
  }
  assert.equal((await run("CHECK", config)).code, 0);
  assert.equal((await run("DEL", config)).code, 0);
});
