import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { KernelOp, Op } from "../../src/effects/kernel/op.ts";
import { createdLinks, undoFor } from "../../src/effects/kernel/undo.ts";
import { isUndone } from "../../src/effects/kernel/undo_routes.ts";
import { applied, type Entry, failed, intended, residue } from "../../src/machines/entry.ts";
import type { Json, JsonObject } from "../../src/spec/json.ts";
import { NETNS, newMachine, outcome } from "../support/machine.ts";
import { isKernelOp } from "../support/recipe.ts";
import { forSeeds, type Random } from "./spec_random.ts";
import { BEFORE, script } from "./undo_scripts.ts";

/** A machine on which somebody was before, and the steps of a stream on it, with the machine's own undo stack. */
class Stream {
  readonly outcomes = new Map<string, number>();
  readonly #machine = newMachine();
  #stack: readonly Entry[] = [];
  #lastId = 0;
  readonly #said: string[] = [];
  readonly #before: JsonObject;

  constructor() {
    this.#machine.kernel.drift(NETNS, ...BEFORE);
    this.#before = this.#own();
  }

  /** What must be as it was: all of the container, and of the host what no other attachment may use. */
  #own(): JsonObject {
    const { host, netns } = this.#machine.kernel.dump();
    return { host: ownOfHost(object(host)), container: withElementsOnly(object(object(netns)[NETNS])) };
  }

  #apply(what: string, op: Op): string {
    assert.ok(isKernelOp(op));
    const ended = outcome(this.#machine.host.apply(op));
    this.#said.push(`${what} ${JSON.stringify(op)} ${ended}`);
    return ended;
  }

  /** Decides the undo and writes it down before anything happens. */
  #intend(op: KernelOp): void {
    const created = createdLinks(this.#stack.map((entry) => entry.op));
    const undo = Effect.runSync(undoFor(op, { view: this.#machine.host, created }));
    this.#stack = intended(this.#stack, ++this.#lastId, op, undo);
  }

  perform(op: KernelOp): void {
    this.#intend(op);
    const ended = this.#apply("do", op);
    this.outcomes.set(ended, (this.outcomes.get(ended) ?? 0) + 1);
    this.#stack = ended === "ok" ? applied(this.#stack, this.#lastId, undefined) : failed(this.#stack, this.#lastId);
  }

  /** The process dies with an intent and no outcome, whether the op was carried out or not. */
  dieAt(op: KernelOp, carriedOut: boolean): void {
    this.#intend(op);
    if (carriedOut) this.#apply("die after", op);
    else this.#said.push(`die before ${JSON.stringify(op)}`);
  }

  get owed(): number {
    return residue(this.#stack).length;
  }

  /** Pops undos without writing it down; answers those that failed for another reason than absence. */
  unwind(count = this.owed): string[] {
    const failures: string[] = [];
    for (const { undo } of residue(this.#stack).slice(0, count)) {
      const ended = this.#apply("undo", undo);
      if (ended !== "ok" && !isUndone(undo, ended)) failures.push(`${undo.op} ${ended}`);
    }
    return failures;
  }

  /** Checks that the machine is as it was before the stream. */
  checkRestored(failures: readonly string[] = []): void {
    assert.deepEqual([failures, this.#own()], [[], this.#before], `\n${this.#said.join("\n")}\n`);
  }
}

const object = (value: Json | undefined): JsonObject => {
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
  return value as JsonObject;
};

const pick = (from: JsonObject, keep: (name: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(from).filter(([name]) => keep(name)));

/** Tables, chains, rules and sets are shared; elements are not. */
const withElementsOnly = (netns: JsonObject): JsonObject => ({
  ...netns,
  tables: Object.values(object(netns.tables)).map((table) =>
    Object.entries(object(object(table).sets)).map(([name, set]) => [name, object(set).elements ?? null])
  ),
});

/** Links that no stream owns: what was there, bridges, and the pair within the host. */
const SHARED: ReadonlySet<string> = new Set(["lo", "cni0", "veth0", "veth00", "cni9", "br9", "vlan7", "vlan8"]);

/** Of the host's links and routes those that are no shared ones; which of those that were there still are. */
const ownOfHost = (host: JsonObject): JsonObject => {
  const links = object(host.links);
  const routes = Array.isArray(host.routes) ? host.routes.map(object) : assert.fail("no routes");
  return {
    tables: withElementsOnly(host).tables ?? null,
    links: pick(links, (name) => !SHARED.has(name)),
    there: ["cni0", "veth0", "veth00"].filter((name) => Object.hasOwn(links, name)),
    routes: routes.filter(({ link }) => !SHARED.has(String(link))),
  };
};

const run = (random: Random, ops = script(random)): Stream => {
  const stream = new Stream();
  for (const op of ops) stream.perform(op);
  return stream;
};

Deno.test("undone last in first out, a script leaves nothing behind but what is shared", () => {
  const outcomes = new Map<string, number>();
  forSeeds(400, (random) => {
    const stream = run(random);
    stream.checkRestored(stream.unwind());
    for (const [ended, count] of stream.outcomes) outcomes.set(ended, (outcomes.get(ended) ?? 0) + count);
  });
  const count = (ended: string) => outcomes.get(ended) ?? 0;
  const all = [...outcomes.values()].reduce((sum, each) => sum + each, 0);
  assert.ok(count("ok") > all / 4 && count("ok") < all * 3 / 4, "scripts succeed, and fail, often");
  for (const errno of ["EEXIST", "ENODEV", "EINVAL", "ENOENT", "EOPNOTSUPP"]) assert.ok(count(errno) > 0, errno);
});

Deno.test("a process that dies between intent and outcome leaves a stack that restores as well", () => {
  forSeeds(400, (random) => {
    const ops = script(random);
    const last = random.below(ops.length);
    const stream = run(random, ops.slice(0, last));
    const op = ops[last];
    assert.ok(op !== undefined);
    stream.dieAt(op, random.below(2) === 0);
    stream.checkRestored(stream.unwind());
  });
});

/**
 * A link's own `forwarding` follows the switch of the whole namespace only when that one changes: set back a second time,
 * the switch no longer takes the link along.
 */
const repeatable = (random: Random): KernelOp[] =>
  script(random).filter((op) => op.op !== "sysctl.write" || !/conf\/(?!all\/)[^/]+\/forwarding$/.test(op.key));

Deno.test("undoing again what was undone changes nothing", () => {
  forSeeds(200, (random) => {
    const stream = run(random, repeatable(random));
    stream.unwind();
    stream.unwind();
    stream.checkRestored();
  });
});

Deno.test("an unwinding that dies halfway is done again from the start", () => {
  forSeeds(200, (random) => {
    const stream = run(random, repeatable(random));
    stream.unwind(random.below(stream.owed + 1));
    stream.unwind();
    stream.checkRestored();
  });
});
