/**
 * The keys that every list, and every plugin configuration, can have (CNI spec 1.1.0, section 1), with what they are for.
 * Used where configurations are checked and described, and made only there; readers of configurations have their own,
 * more lenient, ways.
 *
 * @module
 */
import * as Schema from "effect/Schema";
import { DnsConfig } from "./config_schema.ts";
import { described } from "./key_descriptions.ts";

/** Makes a value when it is first asked for. */
function once<A>(make: () => A): () => A {
  let made: { readonly value: A } | null = null;
  return () => (made ??= { value: make() }).value;
}

const optional = Schema.optionalKey;

const text = optional(Schema.String);

/** Keys of a network list. A switch is true, false, or either as a text. */
export const listKeys = once(() =>
  described(
    Schema.Struct({
      cniVersion: text,
      cniVersions: optional(Schema.Array(Schema.String)),
      name: Schema.String,
      disableCheck: optional(Schema.Union([Schema.Boolean, Schema.String])),
      disableGC: optional(Schema.Union([Schema.Boolean, Schema.String])),
      loadOnlyInlinedPlugins: optional(Schema.Union([Schema.Boolean, Schema.String])),
      plugins: optional(Schema.Array(Schema.JsonObject)),
    }),
    {
      cniVersion: "version of the CNI specification that the list conforms to",
      cniVersions: "further versions that the list conforms to; the highest one known is used",
      name: "name of the network, unique on the host: letters, digits, '_', '.' and '-'",
      disableCheck: "true: CHECK is not run",
      disableGC: "true: GC is not run, as another runtime shares the network",
      loadOnlyInlinedPlugins: "true: the folder named after the network beside the file is not read",
      plugins: "the plugins, in the order of ADD",
    },
  )
);

const ipam = () => described(Schema.Struct({ type: text }), { type: "name of the IPAM plugin" });

const args = () =>
  described(Schema.Struct({ cni: optional(Schema.JsonObject) }), { cni: "arguments that plugins agree on" });

/** Keys of a plugin's configuration that have a meaning for all plugins. */
export const pluginKeys = once(() =>
  described(
    Schema.Struct({
      cniVersion: text,
      name: text,
      type: Schema.String,
      capabilities: optional(Schema.Record(Schema.String, Schema.Boolean)),
      ipam: optional(ipam()),
      dns: optional(DnsConfig),
      ipMasq: optional(Schema.Boolean),
      args: optional(args()),
      runtimeConfig: optional(Schema.JsonObject),
      prevResult: optional(Schema.JsonObject),
    }),
    {
      cniVersion: "version of the CNI specification; in a list, the runtime inserts the list's",
      name: "name of the network; in a list, the runtime inserts the list's",
      type: "name of the plugin's executable",
      capabilities: "what the plugin wants of the runtime, by name of the capability",
      ipam: "where addresses come from: the name of an IPAM plugin, and that plugin's own keys",
      dns: "name service settings",
      ipMasq: "masquerade what containers send beyond the network",
      args: "arguments of the runtime, by convention",
      runtimeConfig: "inserted by the runtime: what the container asks of the capabilities that the plugin wants",
      prevResult: "inserted by the runtime: the result of the plugin before",
    },
  )
);
