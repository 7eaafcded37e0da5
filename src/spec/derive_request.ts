/**
 * What a plugin gets on stdin (CNI spec 1.1.0, section 3, "Deriving request configuration").
 *
 * @module
 */
import type { Command } from "./environment.ts";
import { without } from "./fold_keys.ts";
import type { Json, JsonObject } from "./json.ts";
import type { PluginConf } from "./plugin_conf.ts";
import type { ValidAttachment } from "./request_config.ts";

/** What the runtime adds for one verb. */
export interface RequestParameters {
  /** The verb: it decides which of the others are used. */
  readonly command: Command;
  /** A rendered result: of the plugin before for ADD, the final one for CHECK and DEL. */
  readonly prevResult?: JsonObject | null;
  /** What the runtime offers, by name of the capability; only what a plugin asked for reaches it. */
  readonly capabilityArgs?: JsonObject;
  /** For GC. Left out, the plugin gets no such key, which means the same as an empty list. */
  readonly validAttachments?: readonly ValidAttachment[];
}

/** The capabilities that the plugin wants and the runtime has; no key when there are none. */
function runtimeConfig({ capabilities }: PluginConf, offered: JsonObject): JsonObject {
  const wanted = Object.entries(offered).filter(([name]) =>
    Object.hasOwn(capabilities, name) && capabilities[name] === true
  );
  return wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) };
}

const VALID_ATTACHMENTS = "cni.dev/valid-attachments";

/** The same in the text tagged spec-v1.1.0. */
const OLD_VALID_ATTACHMENTS = "cni.dev/attachments";

/** What only the runtime knows: in a configuration it would be a lie about another time. */
const RUNTIMES_OWN = ["prevResult", VALID_ATTACHMENTS, OLD_VALID_ATTACHMENTS];

/** What a plugin must not find of its configuration. Verbs of an attachment are told the outcome of `capabilities` instead. */
const hidden = (command: Command): readonly string[] =>
  command === "ADD" || command === "CHECK" || command === "DEL" ? ["capabilities", ...RUNTIMES_OWN] : RUNTIMES_OWN;

/** For GC under both names. */
function attachments(valid: readonly ValidAttachment[] | undefined): JsonObject {
  if (valid === undefined) return {};
  const list: Json = valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
  return { [VALID_ATTACHMENTS]: list, [OLD_VALID_ATTACHMENTS]: list };
}

function inserted(plugin: PluginConf, parameters: RequestParameters): JsonObject {
  const { command, prevResult, capabilityArgs = {}, validAttachments } = parameters;
  if (command === "GC") return attachments(validAttachments);
  if (command === "STATUS" || command === "VERSION") return {};
  return { ...runtimeConfig(plugin, capabilityArgs), ...(prevResult ? { prevResult } : {}) };
}

/**
 * The request config of one plugin of a network: its configuration as written, with the network's name and version and
 * what the verb adds. Without `capabilities` where the verb is for an attachment, and without a `prevResult` or
 * attachments of GC that were written there; keys that Go would take for one of these go as well. A `runtimeConfig` that
 * was written there stays where the runtime has none to say, as with libcni.
 *
 * @example
 * ```ts
 * import { deriveRequestConfig } from "./derive_request.ts";
 * const raw = { type: "portmap", capabilities: { portMappings: true } };
 * const plugin = { type: "portmap", capabilities: { portMappings: true }, raw };
 * const capabilityArgs = { portMappings: [], mac: "02:00:00:00:00:01" };
 * const config = deriveRequestConfig({ name: "lab", cniVersion: "1.1.0" }, plugin, { command: "ADD", capabilityArgs });
 * if (JSON.stringify(config.runtimeConfig) !== '{"portMappings":[]}') throw new Error("only what was asked for");
 * ```
 */
export function deriveRequestConfig(
  list: { readonly name: string; readonly cniVersion: string },
  plugin: PluginConf,
  parameters: RequestParameters,
): JsonObject {
  const added = { cniVersion: list.cniVersion, name: list.name, ...inserted(plugin, parameters) };
  return { ...without(plugin.raw, [...hidden(parameters.command), ...Object.keys(added)]), ...added };
}
