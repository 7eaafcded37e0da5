/** Whatever stands in the environment and on stdin: a request as it was asked for, or a refusal that says where. */
import assert from "node:assert/strict";
import { parseArgs } from "../../src/spec/args.ts";
import { COMMANDS, readEnvironment } from "../../src/spec/environment.ts";
import { CniCode } from "../../src/spec/failure.ts";
import { parseRequestConfig } from "../../src/spec/request_config.ts";
import { jsonOf } from "../../src/spec/json.ts";
import { fuzz } from "../support/fuzz.ts";
import { REQUESTS } from "../support/fuzz_documents.ts";
import { oneOf } from "../support/fuzz_json.ts";
import { almost, smallerText } from "../support/fuzz_text.ts";
import { anyEnvironment, type Environment } from "../support/fuzz_environment.ts";
import { namesPlace, sameJson, settle } from "../support/fuzz_verdict.ts";

/** What each member of the outcome was read from. */
const ECHOED = [
  ["CNI_COMMAND", "command"],
  ["CNI_CONTAINERID", "containerId"],
  ["CNI_NETNS", "netns"],
  ["CNI_IFNAME", "ifName"],
  ["CNI_ARGS", "args"],
  ["CNI_PATH", "path"],
] as const;

Deno.test("whatever the environment, it is read to the letter or refused with the name of a variable", async (t) => {
  await fuzz<Environment>(t, "environments", {
    make: anyEnvironment,
    holds: (env) => {
      const verdict = settle(readEnvironment(env));
      if (!verdict.ok) {
        assert.match(verdict.failure.msg, /CNI_(COMMAND|CONTAINERID|NETNS|IFNAME|PATH)/);
        return assert.equal(verdict.failure.code, CniCode.INVALID_ENVIRONMENT);
      }
      if (verdict.value.kind === "about") return assert.equal(env.CNI_COMMAND ?? "", "");
      for (const [variable, key] of ECHOED) assert.equal(verdict.value[key], env[variable] ?? "");
      if (!["ADD", "CHECK", "DEL"].includes(verdict.value.command)) return;
      for (const name of [verdict.value.containerId, verdict.value.ifName]) assert.doesNotMatch(name, /^\.*$|[/\0\s]/);
    },
    smaller: function* (env) {
      for (const name of Object.keys(env)) {
        yield Object.fromEntries(Object.entries(env).filter(([other]) => other !== name));
        for (const value of smallerText(env[name] ?? "")) yield { ...env, [name]: value };
      }
    },
  });
});

Deno.test("whatever CNI_ARGS holds, it survives being joined again or is refused by name", async (t) => {
  const pieces = [
    "IP",
    "MAC",
    "IgnoreUnknown",
    "K8S_POD_NAME",
    "=",
    "=",
    ";",
    ";",
    "1",
    "10.0.0.7",
    " ",
    "\0",
    "😀",
    "\ud800",
  ];
  await fuzz<string>(t, "CNI_ARGS", {
    make: (random) => random.list(random.pick([3, 8, 200]), () => oneOf(random, pieces)).join(""),
    holds: (text) => {
      const verdict = settle(parseArgs(text));
      if (!verdict.ok) return assert.match(verdict.failure.msg, /CNI_ARGS/);
      const joined = [...verdict.value].map((pair) => pair.join("=")).join(";");
      assert.deepEqual(settle(parseArgs(joined)), verdict);
      for (const [key, value] of verdict.value) assert(text.includes(`${key}=${value}`), `${key}=${value}`);
    },
    smaller: smallerText,
  });
});

Deno.test("whatever stands on stdin, its envelope is read or refused by name", async (t) => {
  await fuzz(t, "request configs", {
    make: (random) => ({
      command: random.pick(COMMANDS),
      text: almost(random, oneOf(random, Object.values(REQUESTS))),
    }),
    holds: ({ command, text }) => {
      const verdict = settle(parseRequestConfig(text, command));
      const value = jsonOf(text);
      if (verdict.ok) {
        assert.equal(verdict.value.raw.name, verdict.value.name);
        assert.equal(verdict.value.raw.cniVersion || "0.1.0", verdict.value.cniVersion);
        assert.match(verdict.value.name, /^[a-zA-Z0-9][\w.-]{0,254}$/);
        sameJson(settle(parseRequestConfig(JSON.stringify(verdict.value.raw), command)), verdict);
      } else if (value !== undefined) namesPlace(verdict.failure, value);
      else assert.match(verdict.failure.msg, /JSON|network configuration/);
    },
    smaller: function* ({ command, text }) {
      for (const smaller of smallerText(text)) yield { command, text: smaller };
    },
  });
});
