/**
 * Object keys as Go's encoding/json matches them: containerd sends `HostPort` where the conventions say `hostPort`, and
 * a null leaves the default.
 *
 * @module
 */
import * as SchemaAST from "effect/SchemaAST";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Equal for texts that Go takes for the same key (simple case folding; `ſ` is an s, the Kelvin sign already a k). */
export const foldKey = (key: string): string => key.toLowerCase().replaceAll("ſ", "s");

/** Whether Go takes two keys for the same. */
export const sameKey = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && foldKey(a) === foldKey(b));

/**
 * The value of a key, whatever its case; the last one where several are equal but for case. Undefined when there is
 * none or it is null.
 */
export function member(object: JsonObject, name: string): Json | undefined {
  const found = Object.keys(object).findLast((key) => sameKey(key, name) && object[key] !== null);
  return found === undefined ? undefined : object[found];
}

/** A copy without the keys that Go takes for one of these names. */
export const without = (object: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !names.some((name) => sameKey(key, name))));

/** What the object's other keys hold, where the schema allows any. */
const restType = (ast: SchemaAST.Objects): SchemaAST.AST | undefined => ast.indexSignatures[0]?.type;

function foldObject(ast: SchemaAST.Objects, value: JsonObject): JsonObject {
  const names = new Map(
    ast.propertySignatures.map(({ name, type }) => [foldKey(String(name)), { name: String(name), type }]),
  );
  const folded = new Map<string, Json>();
  for (const [key, item] of Object.entries(value)) {
    const property = names.get(foldKey(key));
    const type = property?.type ?? restType(ast);
    if (property !== undefined && item === null) continue;
    folded.set(property?.name ?? key, type === undefined ? item : foldEncoded(type, item));
  }
  return Object.fromEntries(folded);
}

function foldEncoded(ast: SchemaAST.AST, value: Json): Json {
  switch (ast._tag) {
    case "Objects":
      return isJsonObject(value) ? foldObject(ast, value) : value;
    case "Arrays":
      return Array.isArray(value)
        ? value.map((item: Json, index) => foldEncoded(ast.elements[index] ?? ast.rest[0] ?? SchemaAST.unknown, item))
        : value;
    case "Union":
      return ast.types.reduce((folded, type) => foldEncoded(type, folded), value);
    case "Suspend":
      return foldEncoded(ast.thunk(), value);
    default:
      return value;
  }
}

/**
 * Renames the keys of a JSON value to the names its schema has for them, at every level, and drops struct keys whose
 * value is null (also where the schema would take a null). Among keys that differ in case only, the last one wins. Keys of records, which are data, stay.
 *
 * @example
 * ```ts
 * import * as Schema from "effect/Schema";
 * import { foldKeys } from "./fold_keys.ts";
 * const Mapping = Schema.Struct({ hostPort: Schema.Int });
 * const folded = foldKeys(Mapping.ast, { HostPort: 8080 });
 * if (JSON.stringify(folded) !== '{"hostPort":8080}') throw new Error("containerd's spelling is lost");
 * ```
 */
export const foldKeys = (ast: SchemaAST.AST, value: Json): Json => foldEncoded(SchemaAST.toEncoded(ast), value);
