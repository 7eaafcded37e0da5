import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as parser from "jsonc-parser";
import { faultLine, locateFaults, readConfText } from "../../../src/spec/conf_file.ts";
import { type ConfPath, faultAt } from "../../../src/spec/conf_fault.ts";
import { locator, parseJsonc, repeatedKeys, topLevelString } from "../../../src/spec/jsonc.ts";
import { forSeeds } from "../../property/spec_random.ts";

const faultsOf = async (text: string): Promise<readonly string[]> => {
  const read = await Effect.runPromise(Effect.result(readConfText(text, "f")));
  return read._tag === "Success" ? [] : read.failure.map(faultLine);
};

Deno.test("comments, trailing commas and plain JSON are read; the plain text stays as it is", async () => {
  const read = (text: string) => Effect.runPromise(readConfText(text, "f"));
  assert.deepEqual(await read(' {"a": [1, 2]}\n'), { value: { a: [1, 2] }, plain: ' {"a": [1, 2]}\n' });
  assert.deepEqual(await read('// x\n{"a": [1, 2,], /* y */ "b": "//",}'), {
    value: { a: [1, 2], b: "//" },
    plain: '{"a":[1,2],"b":"//"}',
  });
});

Deno.test("[A2, A55, J130] a syntax error says what is wrong and what was expected, with line and column", async () => {
  const faults: readonly (readonly [string, RegExp])[] = [
    ["", /^f:1:1: the end of the file stands where a value was expected$/],
    ["{", /^f:1:2: the end of the file stands where /],
    ['{\n  "a" 1}', /^f:2:7: "1" stands where ":" was expected$/],
    ['{\r\n\r\n"a": 1 "b": 2}', /^f:3:8: "\\"b\\"" stands where "," was expected$/],
    ["[1 2]", /^f:1:4: "2" stands where "," was expected$/],
    ['{"a": nul}', /^f:1:7: "nul" stands where a value in JSON/],
    ["{a: 1}", /^f:1:2: "a" stands where /],
    ['{"é€😀": x}', /^f:1:9: "x" stands where a value/],
    ['{"a": "b\n"}', /^f:1:7: a string does not end in its line, expected a double quote$/],
    ['{"a": "\\x"}', /^f:1:7: an escape is unknown/],
    ['{"a": "\\u12"}', /^f:1:7: an escape is not complete/],
    ['{"a": "\t"}', /^f:1:7: a string has a control character/],
    ['{"a": 1.}', /^f:1:7: a number ends early/],
    ['{"a": 1} x', /^f:1:10: "x" stands where /],
    ['{"a": 1} {}', /^f:1:10: .* stands where the end of the file was expected$/],
    ['\ufeff{"a": 1}', /^f:1:1: a byte order mark stands where a value/],
    ["{} /* x", /^f:1:4: a comment does not end, expected "\*\/"$/],
    ["[,]", /^f:1:2: "," stands where a value was expected$/],
    [`{"a": ${"x".repeat(500)}}`, /^f:1:7: "x{19}…" stands where a value/],
  ];
  for (const [text, says] of faults) assert.match((await faultsOf(text))[0] ?? "no fault", says, text);
});

Deno.test("[A2] of a text that is no JSON at all only the first faults are told", async () => {
  const faults = await faultsOf("this is not JSON ".repeat(1000));
  assert.ok(faults.length > 0 && faults.length <= 10, `${faults.length}`);
});

Deno.test("nesting too deep to be read is a fault, not a crash", async () => {
  const open = "[".repeat(100_000);
  assert.match((await faultsOf(`${open}${"]".repeat(100_000)} // deep`)).join(), /^f:1:1: .*nested too deeply/);
  assert.notEqual((await faultsOf(open)).length, 0);
  assert.equal((await faultsOf(`${"[".repeat(999)}${"]".repeat(999)} // deep enough`)).length, 0);
});

const TEXT = `{
  "name": "lab", // a comment
  "plugins": [
    { "Type": "bridge", "mtu": 1, "MTU": 2, "mtu": 3 },
    { "type": "x", "dns": { "search": ["a", 5] } }
  ]
}`;

const placeOf = (path: ConfPath, at?: "key"): string => {
  const { line, column } = locator(parser, TEXT)({ ...faultAt(path, 1, "x"), ...(at === undefined ? {} : { at }) });
  return `${line}:${column}`;
};

Deno.test("a path is found in the text: its value, its key, or the object that lacks it", () => {
  assert.equal(placeOf(["name"]), "2:11");
  assert.equal(placeOf(["name"], "key"), "2:3");
  assert.equal(placeOf([]), "1:1");
  assert.equal(placeOf(["plugins", 1, "dns", "search", 1]), "5:45");
  assert.equal(placeOf(["plugins", 1, "ipam", "type"]), "5:5", "the object that has no ipam");
  assert.equal(placeOf(["plugins", 7]), "3:14", "the array that is too short");
  assert.equal(placeOf(["plugins", "x"]), "3:14");
});

Deno.test("[A3, A4, I1] of keys that Go takes for the same, the one that counts is found", () => {
  assert.equal(placeOf(["plugins", 0, "type"]), "4:15");
  assert.equal(placeOf(["plugins", 0, "mtu"]), "4:52");
  assert.equal(placeOf(["plugins", 0, "MTU"]), "4:42");
});

Deno.test("faults come in the order of the text, whatever order they were found in", async () => {
  const faults = [["plugins", 1, "type"], ["name"], ["plugins"]].map((path) => faultAt(path, 1, "x"));
  const located = await Effect.runPromise(locateFaults(TEXT, "f", faults));
  assert.deepEqual(located.map(({ key }) => key), ["name", "plugins", "plugins[1].type"]);
});

Deno.test("[A3] keys that stand twice in one object are found at every level", () => {
  const twice = repeatedKeys(parser, '{"a":1,"b":[{"c":1,"d":2,"c":3}],"a":2,"A":3} // x');
  assert.deepEqual(twice.map(({ path }) => path.join(".")), ["b.0.c", "a"]);
  assert.deepEqual(repeatedKeys(parser, TEXT).map(({ path }) => path.join(".")), ["plugins.0.mtu"]);
});

Deno.test("the name of a network is read from a text that is broken elsewhere", () => {
  assert.equal(topLevelString(parser, '{"name": "lab", "plugins": [{', "name"), "lab");
  assert.equal(topLevelString(parser, '{"Name": "old", type: x}', "name"), "old");
  for (const text of ["", "[]", '{"name": 1}', '{"plugins": [{"name": "x"}', "x"]) {
    assert.equal(topLevelString(parser, text, "name"), null, text);
  }
});

Deno.test("keys with a meaning in JavaScript are keys like others", () => {
  const text = '{"__proto__": {"name": "x"}, "constructor": 1,}';
  const { value } = parseJsonc(parser, text);
  assert.equal(JSON.stringify(value), '{"__proto__":{"name":"x"},"constructor":1}');
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

Deno.test("what JSON.parse reads, this parser reads the same; what it reads without a comment, JSON.parse reads", () => {
  const pieces = [
    ...["{", "}", "[", "]", ",", ":", '"a"', '"b\\u00e9"', '"\\ud83d"', "1", "-0.5e3", "01", "-", "true", "null"],
    ...[" ", "\n", "\t", '"', "\\", "tru", "1e", "{}", '{"a":1}', "[1,2]", "\u00a0", "\ufeff"],
  ] as const;
  let read = 0;
  forSeeds(20_000, (random) => {
    const text = random.text(8, pieces);
    let expected: unknown;
    try {
      expected = JSON.parse(text);
    } catch {
      expected = undefined;
    }
    const { value, faults } = parseJsonc(parser, text);
    if (expected !== undefined) {
      assert.deepEqual(faults, [], text);
      assert.deepEqual(value, expected, text);
      read++;
    } else if (faults.length === 0) {
      assert.match(text, /,\s*[\]}]/, `only a trailing comma makes ${JSON.stringify(text)} more than JSON`);
    }
  });
  assert.ok(read > 500, `only ${read} texts were JSON`);
});
