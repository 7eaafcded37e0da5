/** Whatever a plugin process is given: a result, or one error object; and what it refuses it has not touched. */
import assert from "node:assert/strict";
import { isJsonObject, type Json, jsonOf } from "../../src/spec/json.ts";
import { parseResult } from "../../src/spec/parse_result.ts";
import type { Machine } from "../support/engine.ts";
import { fuzz } from "../support/fuzz.ts";
import { REQUESTS } from "../support/fuzz_documents.ts";
import { type Ended, machineFor, start } from "../support/fuzz_door.ts";
import { anyEnvironment, type Environment, GOOD } from "../support/fuzz_environment.ts";
import { oneOf } from "../support/fuzz_json.ts";
import { almost, smallerText } from "../support/fuzz_text.ts";
import { isSentence, sameJson, settle } from "../support/fuzz_verdict.ts";
import type { Random } from "./spec_random.ts";

/** One start of a plugin. */
interface Start {
  readonly type: string;
  readonly env: Environment;
  readonly stdin: string;
}

const anyStart = (random: Random): Start => {
  const type = oneOf(random, Object.keys(REQUESTS));
  const good = { CNI_COMMAND: random.pick(["ADD", "ADD", "ADD", "CHECK", "DEL", "GC", "STATUS"]), ...GOOD };
  return {
    type,
    env: random.below(4) === 0 ? anyEnvironment(random) : good,
    stdin: almost(random, REQUESTS[type] ?? {}),
  };
};

const entriesOf = (value: Json | undefined) => isJsonObject(value) ? Object.entries(value) : [];

/** Bridges stay for the next attachment, and so does forwarding, which the loopback interface shows. */
const isShared = (name: string, link: Json): boolean => name === "lo" || (isJsonObject(link) && link.kind === "bridge");

/** All that belongs to attachments: the containers, the host's links, the elements of sets, and leases. */
function stateOf(machine: Machine): unknown {
  const { host, netns = null } = machine.kernel.dump();
  const { links, tables } = isJsonObject(host) ? host : {};
  const sets = entriesOf(tables).flatMap(([, table]) => isJsonObject(table) ? entriesOf(table.sets) : []);
  const pools = Object.values(machine.leases.dump()).map(Object.keys);
  return {
    // The kernel gives the loopback interface its address when it goes up, and leaves it there when it goes down.
    containers: JSON.parse(JSON.stringify(netns, (key, value) => key === "lo" ? undefined : value)),
    links: Object.fromEntries(entriesOf(links).filter(([name, link]) => !isShared(name, link))),
    elements: sets.flatMap(([, set]) => isJsonObject(set) ? set.elements ?? [] : []),
    // Where the search for the next address goes on is no trace of this one.
    leases: pools.flat().filter((name) => !name.startsWith("last_reserved_ip")),
  };
}

/** One error object on stdout and the same on stderr, with code and sentence. */
function isRefusal({ stdout, stderr }: Ended): void {
  const printed = jsonOf(stdout);
  assert(isJsonObject(printed), stdout);
  const { cniVersion, code, msg, details } = printed;
  assert(typeof cniVersion === "string" && typeof code === "number" && typeof msg === "string", stdout);
  isSentence({ code, msg, ...(typeof details === "string" ? { details } : {}) });
  assert(stderr.at(-1)?.startsWith(msg), stderr.join("\n"));
  assert(stderr.every((line) => !/[\n\r]/.test(line)), JSON.stringify(stderr));
}

/** What a success prints: a result for ADD, nothing otherwise. */
function isAnswer({ stdout }: Ended, { env }: Start): void {
  if (env.CNI_COMMAND !== "ADD") return assert.equal(stdout, "");
  const printed = jsonOf(stdout);
  assert(printed !== undefined, stdout);
  const result = settle(parseResult(printed, ""));
  assert(result.ok, JSON.stringify(result));
}

Deno.test("whatever a plugin process is given, it prints a result or one error object, which changes nothing", async (t) => {
  let added = 0;
  await fuzz<Start>(t, "plugin runs", {
    make: anyStart,
    holds: async (given) => {
      const { type, env, stdin } = given;
      const machine = machineFor(type);
      const before = stateOf(machine);
      const ended = await start(machine, type, env, stdin);
      if (ended.code === 0) isAnswer(ended, given);
      else {
        isRefusal(ended);
        sameJson(stateOf(machine), before, "what was refused has left something");
      }
      if (ended.code !== 0 || env.CNI_COMMAND !== "ADD") return;
      added++;
      const removed = await start(machine, type, { ...env, CNI_COMMAND: "DEL" }, stdin);
      assert.equal(removed.code, 0, removed.stdout);
      sameJson(stateOf(machine), before, "DEL has left something");
    },
    smaller: function* (given) {
      for (const stdin of smallerText(given.stdin)) yield { ...given, stdin };
      for (const name of Object.keys(given.env)) {
        yield { ...given, env: Object.fromEntries(Object.entries(given.env).filter(([other]) => other !== name)) };
      }
    },
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(added > 100, `only ${added} attachments were made`);
});
