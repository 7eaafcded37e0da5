/** Whatever the files of a folder hold, comments and all: the network, or a refusal that says where in which file. */
import assert from "node:assert/strict";
import type { FileError } from "../../src/effects/files.ts";
import { loadList, loadNetwork, type NetworkNotFound } from "../../src/runtime/networks.ts";
import { CniCode, type CniFailure, type Refused } from "../../src/spec/failure.ts";
import { type Json, jsonOf } from "../../src/spec/json.ts";
import type { NetworkList } from "../../src/spec/network_list.ts";
import { Machine } from "../support/engine.ts";
import { fuzz } from "../support/fuzz.ts";
import { NETWORK, PLUGIN_CONF } from "../support/fuzz_documents.ts";
import { faulty } from "../support/fuzz_json.ts";
import { commented, smallerText, torn, written } from "../support/fuzz_text.ts";
import { sameJson, type Verdict, verdictOf } from "../support/fuzz_verdict.ts";
import type { Random } from "./spec_random.ts";

const FOLDER = "/net.d";

/** Texts of files by name. */
type Files = Readonly<Record<string, string>>;

const fileNames = ["10-lab.conflist", "20-lab.conf", "30-lab.json", "lab/10-more.conf", "lab/20-more.conf"] as const;

function anyText(random: Random, good: Json): string {
  const value = random.below(3) === 0 ? good : faulty(random, good);
  const text = random.below(2) === 0 ? commented(random, value) : written(random, value);
  return random.below(4) === 0 ? torn(random, text) : text;
}

const anyFolder = (random: Random): Files =>
  Object.fromEntries(
    random.list(3, () => random.pick(fileNames)).map((name) => {
      const good = name.endsWith(".conflist")
        ? { ...NETWORK, loadOnlyInlinedPlugins: random.below(2) === 0 }
        : PLUGIN_CONF;
      return [name, anyText(random, good)];
    }),
  );

const failureOf = (error: FileError | Refused | NetworkNotFound): CniFailure =>
  error._tag === "Refused"
    ? { code: error.code, msg: error.msg, ...(error.details === undefined ? {} : { details: error.details }) }
    : { code: CniCode.IO_FAILURE, msg: error.message };

/** Every place a refusal names is one of the text of that file. */
function namesPlaces({ msg, details = "" }: CniFailure, files: Files): void {
  const places = [...`${msg}; ${details}`.matchAll(/\/net\.d\/([\w./-]+):(\d+):(\d+): /g)];
  if (places.length === 0) assert.match(msg, /^Cannot \w+ .*"\/net\.d/);
  for (const [, name = "", line, column] of places) {
    const lines = (files[name] ?? "").split(/\r\n|\n|\r/);
    const length = [...lines[Number(line) - 1] ?? ""].length;
    assert(
      Number(line) <= lines.length && Number(column) <= length + 1,
      `${name}:${line}:${column} of ${lines.length}`,
    );
  }
}

function holds(verdict: Verdict<NetworkList>, files: Files): void {
  if (!verdict.ok) return namesPlaces(verdict.failure, files);
  const { name, plugins, raw } = verdict.value;
  assert(plugins.length > 0 && plugins.every(({ type }) => type !== ""), name);
  assert(jsonOf(raw) !== undefined, "what the cache keeps is no plain JSON");
}

Deno.test("whatever a folder of networks holds, the network is found or a place in a file is named", async (t) => {
  let loaded = 0;
  await fuzz<Files>(t, "network folders", {
    make: anyFolder,
    holds: async (files) => {
      const machine = new Machine(new Map());
      for (const [name, text] of Object.entries(files)) machine.files.set(`${FOLDER}/${name}`, text);
      const found = verdictOf(await machine.run(loadNetwork(FOLDER, "lab")), failureOf);
      holds(found, files);
      if (found.ok) loaded++;
      for (const sentence of machine.said) assert.match(sentence, /\/net\.d\//);
      const list = "10-lab.conflist";
      if (files[list] !== undefined) {
        holds(verdictOf(await machine.run(loadList(`${FOLDER}/${list}`)), failureOf), files);
      }
    },
    smaller: function* (files) {
      for (const name of Object.keys(files)) {
        yield Object.fromEntries(Object.entries(files).filter(([other]) => other !== name));
        for (const text of smallerText(files[name] ?? "")) yield { ...files, [name]: text };
      }
    },
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(loaded > 200, `only ${loaded} networks were found`);
});

Deno.test("comments and trailing commas change nothing", async (t) => {
  await fuzz<{ readonly value: Json; readonly text: string }>(t, "commented files", {
    make: (random) => {
      const value = faulty(random, NETWORK);
      return { value, text: commented(random, value) };
    },
    holds: async ({ value, text }) => {
      const machine = new Machine(new Map());
      machine.files.set(`${FOLDER}/plain.conflist`, JSON.stringify(value));
      machine.files.set(`${FOLDER}/noted.conflist`, text);
      const plain = verdictOf(await machine.run(loadList(`${FOLDER}/plain.conflist`)), failureOf);
      const noted = verdictOf(await machine.run(loadList(`${FOLDER}/noted.conflist`)), failureOf);
      if (plain.ok && noted.ok) {
        const { raw, ...list } = plain.value;
        const { raw: back, ...same } = noted.value;
        sameJson(same, list);
        sameJson(jsonOf(back), jsonOf(raw));
      } else assert.equal(noted.ok, plain.ok, JSON.stringify(noted.ok ? plain : noted));
    },
  });
});
