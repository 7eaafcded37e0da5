/**
 * The environment a plugin is run with (CNI spec 1.1.0, section 2, "Parameters"), checked in the order of Go's plugin
 * skeleton.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { quote } from "./conf_fault.ts";
import { CniCode, type CniFailure, Refused } from "./failure.ts";
import { checkContainerId, checkIfName } from "./names.ts";

/** The verbs, upper case only. */
export const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;

/** A verb. */
export type Command = typeof COMMANDS[number];

/** The parameters of one run. What the verb does not use may be empty. */
export interface CommandEnvironment {
  /** Tells a command from the about text. */
  readonly kind: "command";
  /** CNI_COMMAND. */
  readonly command: Command;
  /** CNI_CONTAINERID; checked where the verb requires it. */
  readonly containerId: string;
  /** CNI_NETNS, verbatim. */
  readonly netns: string;
  /** CNI_IFNAME; checked where the verb requires it. */
  readonly ifName: string;
  /** CNI_ARGS, verbatim; `parseArgs` reads it. */
  readonly args: string;
  /** CNI_PATH, verbatim. */
  readonly path: string;
  /** CNI_NETNS_OVERRIDE: the host's own namespace is allowed. */
  readonly netnsOverride: boolean;
}

/** What the environment asks for; without a command that is to say what the plugin is, on stderr. */
export type Environment = CommandEnvironment | { readonly kind: "about" };

/** A variable, the verbs that require it, and the rule it must then obey. */
interface Variable {
  readonly name: string;
  readonly requiredBy: readonly Command[];
  readonly check?: (value: string) => CniFailure | null;
}

const ATTACHMENT_VERBS: readonly Command[] = ["ADD", "CHECK", "DEL"];

/** In the order in which they are checked and reported. */
const VARIABLES: readonly Variable[] = [
  { name: "CNI_CONTAINERID", requiredBy: ATTACHMENT_VERBS, check: checkContainerId },
  { name: "CNI_NETNS", requiredBy: ["ADD", "CHECK"] },
  { name: "CNI_IFNAME", requiredBy: ATTACHMENT_VERBS, check: checkIfName },
  // Go's skeleton wants it for every verb, the specification for GC alone; without one our own plugins are found.
  { name: "CNI_PATH", requiredBy: ["GC"] },
];

const isCommand = (text: string): text is Command => COMMANDS.some((command) => command === text);

/** The first bad value, or all missing ones. */
function checkVariables(command: Command, valueOf: (name: string) => string): CniFailure | null {
  const required = VARIABLES.filter(({ requiredBy }) => requiredBy.includes(command));
  for (const { name, check } of required) {
    const failure = valueOf(name) === "" ? null : check?.(valueOf(name)) ?? null;
    if (failure !== null) return { ...failure, msg: `${failure.msg} (${name})` };
  }
  const missing = required.map(({ name }) => name).filter((name) => valueOf(name) === "");
  if (missing.length === 0) return null;
  return {
    code: CniCode.INVALID_ENVIRONMENT,
    msg: `Cannot run ${command}: required env variables [${missing.join(",")}] missing`,
    details: "an empty value counts as missing",
  };
}

/**
 * Reads and checks the environment. Refused (code 4): a bad container id or interface name at once, else all missing
 * variables together; a command that is no verb.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { readEnvironment } from "./environment.ts";
 * const refused = Effect.runSync(Effect.flip(readEnvironment({ CNI_COMMAND: "DEL", CNI_IFNAME: "eth0" })));
 * if (!refused.msg.includes("[CNI_CONTAINERID]")) throw new Error(refused.msg);
 * ```
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Effect.Effect<Environment, Refused> {
  const valueOf = (name: string): string => env[name] ?? "";
  const command = valueOf("CNI_COMMAND");
  if (command === "") return Effect.succeed({ kind: "about" });
  if (!isCommand(command)) {
    const msg = `Cannot run CNI_COMMAND ${quote(command)}: it is no command`;
    return Effect.fail(
      new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg, details: `the commands are ${COMMANDS.join(", ")}` }),
    );
  }
  const failure = checkVariables(command, valueOf);
  if (failure !== null) return Effect.fail(new Refused(failure));
  return Effect.succeed({
    kind: "command",
    command,
    containerId: valueOf("CNI_CONTAINERID"),
    netns: valueOf("CNI_NETNS"),
    ifName: valueOf("CNI_IFNAME"),
    args: valueOf("CNI_ARGS"),
    path: valueOf("CNI_PATH"),
    netnsOverride: /^(1|true)$/i.test(valueOf("CNI_NETNS_OVERRIDE")),
  });
}
