/** `cleat schema`: JSON Schema of a plugin's configuration. */
import * as Effect from "effect/Effect";
import { PLUGIN_VERSIONS } from "../../plugins/catalog.ts";
import { recipes } from "../../plugins/recipes.ts";
import { configJsonSchema } from "../../spec/config_json_schema.ts";
import { type Answer, ExitCode, type Subcommand, UsageError } from "./command.ts";

const names = Object.keys(PLUGIN_VERSIONS).sort().join(", ");

/** `cleat schema`. */
export const schemaCommand: Subcommand = {
  name: "schema",
  arguments: "<plugin>",
  summary: "print JSON Schema of a plugin's configuration",
  description: "Prints JSON Schema (draft 2020-12) of the plugin's keys and of those that all plugins have.\n" +
    `Plugins: ${names}.`,
  options: [],
  run: ({ positionals: [type = ""] }) =>
    Effect.gen(function* () {
      const recipe = recipes.get(type);
      if (recipe === undefined) {
        return yield* Effect.fail(
          new UsageError(
            type === ""
              ? `Cannot go on without the name of a plugin: ${names}`
              : `Cannot show the schema of "${type}": the plugins are ${names}`,
          ),
        );
      }
      const json = (yield* recipe)(({ config }) => configJsonSchema(type, config));
      const answer: Answer = { text: `${JSON.stringify(json, null, 2)}\n`, json, exitCode: ExitCode.OK };
      return answer;
    }),
};
