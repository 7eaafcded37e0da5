/** Changing the configuration of a plugin before it is used. */
import * as Effect from "effect/Effect";
import { CniCode, Refused } from "../spec/failure.ts";
import { without } from "../spec/fold_keys.ts";
import type { JsonObject } from "../spec/json.ts";
import { type PluginConf, readAll, readPluginConf } from "../spec/plugin_conf.ts";

const refuse = (type: string, key: string, rule: string): Refused =>
  new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: `Cannot change the configuration of plugin "${type}": ${JSON.stringify(key)} ${rule}`,
  });

/**
 * The configuration with these keys set; what it had under the same names, whatever their case, is replaced. Refused
 * (code 7): an empty key, a value that is null, and what makes it no configuration of a plugin, such as an empty `type`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { injectConf, parsePluginConf } from "@cleat/cleat";
 * const program = Effect.flatMap(
 *   parsePluginConf('{"type":"bridge","mtu":1500}', "lab.conf"),
 *   (conf) => injectConf(conf, { mtu: 9000, isGateway: true }),
 * );
 * const { raw } = Effect.runSync(program);
 * if (JSON.stringify(raw) !== '{"type":"bridge","mtu":9000,"isGateway":true}') throw new Error(JSON.stringify(raw));
 * ```
 */
export const injectConf = (conf: PluginConf, values: JsonObject): Effect.Effect<PluginConf, Refused> =>
  Effect.suspend(() => {
    for (const [key, value] of Object.entries(values)) {
      if (key === "") return Effect.fail(refuse(conf.type, key, "is no key: it is empty"));
      if (value === null) return Effect.fail(refuse(conf.type, key, "is null: it must have a value"));
    }
    const raw = { ...without(conf.raw, Object.keys(values)), ...values };
    return readAll(conf.type, (report) => readPluginConf(raw, [], report));
  });
