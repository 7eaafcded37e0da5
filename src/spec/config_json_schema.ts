/**
 * JSON Schema (draft 2020-12) of a plugin's configuration as it is written, for editors and for people.
 *
 * @module
 */
import type * as JsonSchema from "effect/JsonSchema";
import * as Schema from "effect/Schema";
import * as SchemaAST from "effect/SchemaAST";
import { pluginKeys } from "./common_keys.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { descriptionOf } from "./key_descriptions.ts";

/** The dialect that editors look for in `$schema`. */
const DIALECT = "https://json-schema.org/draft/2020-12/schema";

const objectAt = (schema: JsonObject, key: string): JsonObject => {
  const value = schema[key];
  return isJsonObject(value) ? value : {};
};

/** What a check adds, in its own words; a check that JSON Schema has no words for adds nothing. */
function wordsOf(check: SchemaAST.Check<never>, type: JsonSchema.Type): JsonObject {
  const say = check.annotations?.toJsonSchema;
  const said: unknown = typeof say === "function" ? say({ type, schemas: [] }) : {};
  const words: unknown = Array.isArray(said) ? said[0] : said;
  return isJsonObject(words) ? words : {};
}

/** Bounds that only say that a number is an integer a double can hold. */
const isNoBound = ([key, value]: readonly [string, Json]): boolean =>
  (key === "minimum" || key === "maximum") && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;

const checked = (type: JsonSchema.Type, ast: SchemaAST.AST): JsonObject => {
  const words = (ast.checks ?? []).flatMap((check) => Object.entries(wordsOf(check, type)));
  return { type, ...Object.fromEntries(words.filter((word) => !isNoBound(word))) };
};

/** Alternatives; those between plain values are a list of them. */
function oneOf(types: readonly SchemaAST.AST[]): JsonObject {
  const values = types.flatMap((type) => type._tag === "Literal" ? [String(type.literal)] : []);
  return values.length === types.length ? { type: "string", enum: values } : { anyOf: types.map(schemaOf) };
}

/** What a key holds when it is absent. */
function defaultsOf(ast: SchemaAST.AST): JsonObject {
  const decoded = Schema.decodeUnknownOption(Schema.make<Schema.Codec<unknown>>(ast))({});
  return decoded._tag === "Some" && isJsonObject(decoded.value) ? decoded.value : {};
}

function objectSchema(ast: SchemaAST.Objects): JsonObject {
  const defaults = defaultsOf(ast);
  const properties = ast.propertySignatures.map(({ name, type }) => {
    const description = descriptionOf(ast, String(name));
    const standard = defaults[String(name)] ?? "";
    return [String(name), {
      ...(description === undefined ? {} : { description }),
      ...schemaOf(type),
      ...(standard === "" ? {} : { default: standard }),
    }] as const;
  });
  const isRequired = (type: SchemaAST.AST) => SchemaAST.toEncoded(type).context?.isOptional !== true;
  const required = ast.propertySignatures.filter(({ type }) => isRequired(type)).map(({ name }) => String(name));
  const [rest] = ast.indexSignatures;
  return {
    type: "object",
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.length === 0 ? {} : { required }),
    ...(rest === undefined ? {} : { additionalProperties: schemaOf(rest.type) }),
  };
}

/** The schema of what is written for a value, with the descriptions of what it means. */
function schemaOf(meant: SchemaAST.AST): JsonObject {
  const written = SchemaAST.toEncoded(meant);
  if (meant._tag === "Objects") return objectSchema(meant);
  if (meant._tag === "Arrays" && meant.rest[0] !== undefined) {
    return { ...checked("array", meant), items: schemaOf(meant.rest[0]) };
  }
  switch (written._tag) {
    case "String":
      return checked("string", written);
    case "Number":
      return checked("number", written);
    case "Boolean":
      return checked("boolean", written);
    case "Null":
      return checked("null", written);
    case "Union":
      return oneOf(written.types);
    default:
      return {};
  }
}

/** Both sets of keys; where they share one, `own` says more about it. */
function merged(common: JsonObject, own: JsonObject): JsonObject {
  const shared = objectAt(common, "properties"), special = objectAt(own, "properties");
  const keys = [...new Set([...Object.keys(shared), ...Object.keys(special)])];
  if (keys.length === 0) return { ...common, ...own };
  const required = [common.required, own.required].flatMap((names) => Array.isArray(names) ? names : []);
  return {
    ...common,
    ...own,
    properties: Object.fromEntries(keys.map((key) => [key, merged(objectAt(shared, key), objectAt(special, key))])),
    ...(required.length === 0 ? {} : { required: [...new Set(required)] }),
  };
}

/**
 * JSON Schema of a plugin's configuration: its own keys, and those that all plugins have. Other keys are allowed, as the
 * CNI specification has it.
 *
 * @example
 * ```ts
 * import * as Schema from "effect/Schema";
 * import { Flag } from "./config_schema.ts";
 * import { configJsonSchema } from "./config_json_schema.ts";
 * import { described } from "./key_descriptions.ts";
 * const Conf = described(Schema.Struct({ hairpinMode: Flag }), { hairpinMode: "let containers reach themselves" });
 * const text = JSON.stringify(configJsonSchema("bridge", Conf));
 * const expected = '"hairpinMode":{"description":"let containers reach themselves","type":"boolean","default":false}';
 * if (!text.includes(expected)) throw new Error(text);
 * ```
 */
export function configJsonSchema<C>(type: string, schema: Schema.Codec<C, unknown>): JsonObject {
  const whole = merged(schemaOf(pluginKeys().ast), schemaOf(schema.ast));
  const properties = objectAt(whole, "properties");
  return {
    $schema: DIALECT,
    title: `Configuration of the CNI plugin ${type}`,
    ...whole,
    properties: { ...properties, type: { ...objectAt(properties, "type"), const: type } },
  };
}
