/** Whatever somebody else's plugin prints, and however it ends: a result or an error object, and nothing is left. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Finished } from "../../src/effects/exec.ts";
import { systemExecutables } from "../../src/effects/exec_system.ts";
import { parseResult } from "../../src/spec/parse_result.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { printResult } from "../../src/spec/render_result.ts";
import type { Json } from "../../src/spec/json.ts";
import { Machine, type Outcome } from "../support/engine.ts";
import { foreign } from "../support/foreign.ts";
import { fuzz } from "../support/fuzz.ts";
import { noise } from "../support/fuzz_bytes.ts";
import { RESULTS } from "../support/fuzz_documents.ts";
import { anyJson, oneOf } from "../support/fuzz_json.ts";
import { almost, smallerText } from "../support/fuzz_text.ts";
import { sameJson, settle } from "../support/fuzz_verdict.ts";
import { newFolder } from "../support/stores.ts";
import { LEASE, SYSCTL, toys } from "../support/toy_plugins.ts";
import type { Random } from "./spec_random.ts";

const ERROR: Json = { cniVersion: "1.1.0", code: 103, msg: "Cannot have it", details: "there is no more" };

const anyText = (random: Random): string => {
  const kind = random.below(10);
  if (kind < 4) return almost(random, oneOf(random, RESULTS));
  if (kind < 6) return almost(random, ERROR);
  if (kind === 6) return JSON.stringify(anyJson(random, 3));
  if (kind === 7) return new TextDecoder().decode(noise(random, 200));
  return random.pick(["", "", "\n", "{}", "null", "{}{}", "x".repeat(100_000), "\ufeff{}"]);
};

/** What an execution leaves behind, of any kind. */
const anyEnd = (random: Random): Finished => ({
  code: random.pick([0, 0, 0, 1, 1, 2, 126, 127, 137, 255]),
  signal: random.pick([null, null, null, null, "SIGKILL", "SIGSEGV"]),
  stdout: anyText(random),
  stderr: random.below(2) === 0 ? "" : anyText(random),
  ...(random.below(20) === 0 ? { flooded: random.pick(["stdout", "stderr"]) } : {}),
});

const listOf = (version: string) =>
  Effect.runSync(
    parseNetworkList(
      JSON.stringify({ cniVersion: version, name: "net", plugins: [{ type: "ours" }, { type: "them" }] }),
      "a test",
    ),
  );

const C1 = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };

const OURS = toys({ type: "ours", ops: [SYSCTL, LEASE] });

/** An error object as it is printed: a code and words, whoever's they are. */
function isErrorObject(outcome: Outcome): void {
  if (outcome.ended !== "failed") return assert.equal(outcome.ended, "ok");
  const { code, msg } = outcome.failure;
  assert(Number.isSafeInteger(code) && code >= 0, `code ${code}`);
  assert(typeof msg === "string" && msg.length < 2_000, `a message of ${msg.length} characters`);
}

/** The machine, but for where the next search for an address begins, which host-local's folder keeps. */
const stateOf = (machine: Machine) => {
  const held = Object.values(machine.leases.dump()).flatMap(Object.keys).filter((name) => !name.startsWith("last_"));
  return { kernel: machine.kernel.dump(), held };
};

/** A whole life beside such a plugin: what ADD made is gone after DEL, and a failed ADD has made nothing. */
async function lives(machine: Machine, version: string, cniPath: string): Promise<void> {
  machine.kernel.addNetns("/ns/c1");
  const before = stateOf(machine);
  const run = (verb: "ADD" | "CHECK" | "DEL") => machine.network(verb, listOf(version), { ...C1, cniPath });
  const added = await run("ADD");
  isErrorObject(added);
  if (added.ended === "ok") {
    assert(added.result !== null);
    const printed = settle(printResult(added.result, added.result.cniVersion));
    assert(printed.ok, JSON.stringify(printed));
    sameJson(settle(parseResult(JSON.parse(printed.value), "")), { ok: true, value: added.result });
    isErrorObject(await run("CHECK"));
  } else sameJson(stateOf(machine), before, "a failed ADD has left something");
  isErrorObject(await run("DEL"));
  sameJson(stateOf(machine), before, "DEL has left something");
}

Deno.test("whatever a plugin prints and however it ends, the verbs end with an error object or a result", async (t) => {
  await fuzz<{ readonly ends: readonly Finished[]; readonly version: string }>(t, "plugin answers", {
    make: (random) => ({ ends: Array.from({ length: 4 }, () => anyEnd(random)), version: random.pick(VERSIONS) }),
    holds: async ({ ends, version }) => {
      let run = 0;
      const { layer } = foreign({ them: () => ends[run++ % ends.length] ?? {} });
      await lives(new Machine(OURS, {}, layer), version, "/opt/foreign");
    },
    smaller: function* ({ ends, version }) {
      for (const [at, end] of ends.entries()) {
        yield { version, ends: ends.with(at, { code: 0, signal: null, stdout: "{}", stderr: "" }) };
        for (const stdout of smallerText(end.stdout)) yield { version, ends: ends.with(at, { ...end, stdout }) };
        for (const stderr of smallerText(end.stderr)) yield { version, ends: ends.with(at, { ...end, stderr }) };
      }
    },
  });
});

/** A program to be started as a plugin, and the files beside it that it prints. */
interface Program {
  readonly program: string | Uint8Array;
  readonly mode: number;
  readonly out: string;
  readonly err: string;
}

/** How programs end: with a code, by a signal, without reading stdin, with descriptors closed, or not being programs. */
const ENDINGS = [
  "cat >/dev/null; cat $0.out; cat $0.err >&2; exit 0",
  "cat $0.out; exit 0",
  "exec 0<&-; cat $0.out; cat $0.err >&2; exit 3",
  "cat $0.out; kill -9 $$",
  "exec 1>&-; cat $0.err >&2; exit 0",
  "cat; exit 1",
  "cat; exit 0",
  "exit 255",
] as const;

const anyProgram = (random: Random): Program => {
  const kind = random.below(20);
  const program = kind === 0
    ? noise(random, 100)
    : kind === 1
    ? random.pick(["", "#!/no/such/shell\n", "#!", "\x7fELF", "echo '{}'\n"])
    : `#!/bin/sh\n${random.pick(ENDINGS)}\n`;
  return { program, mode: random.below(20) === 0 ? 0o644 : 0o755, out: anyText(random), err: anyText(random) };
};

Deno.test("whatever is started as a plugin, the verbs end with an error object or a result", async (t) => {
  using folder = newFolder();
  await fuzz<Program>(t, "executables", {
    make: anyProgram,
    holds: async ({ program, mode, out, err }) => {
      const file = `${folder.path}/them`;
      Deno.writeTextFileSync(`${file}.out`, out);
      Deno.writeTextFileSync(`${file}.err`, err);
      if (typeof program === "string") Deno.writeTextFileSync(file, program);
      else Deno.writeFileSync(file, program);
      Deno.chmodSync(file, mode);
      await lives(new Machine(OURS, {}, systemExecutables), "1.1.0", folder.path);
    },
  });
});
