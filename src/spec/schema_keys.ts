/**
 * What the schemas of a configuration know about its keys.
 *
 * @module
 */
import * as SchemaAST from "effect/SchemaAST";
import { type ConfPath, type Report, subject } from "./conf_fault.ts";
import { CniCode } from "./failure.ts";
import { sameKey } from "./fold_keys.ts";
import { isJsonObject, type Json } from "./json.ts";
import { nearestKey } from "./nearest_key.ts";

type Ast = SchemaAST.AST;

/** The alternatives of unions, one by one. */
const alternatives = (asts: readonly Ast[]): readonly Ast[] =>
  asts.flatMap((ast): readonly Ast[] => ast._tag === "Union" ? alternatives(ast.types) : [ast]);

/** A struct that takes no other keys than its own for its own. */
type Struct = SchemaAST.Objects;

const structs = (asts: readonly Ast[]): readonly Struct[] =>
  alternatives(asts).filter((ast): ast is Struct => ast._tag === "Objects");

/** The schemas of a key's value. */
const valuesOf = (objects: readonly Struct[], key: string): readonly Ast[] =>
  objects.flatMap(({ propertySignatures }) =>
    propertySignatures.filter(({ name }) => sameKey(String(name), key)).map(({ type }) => type)
  );

/** The keys that schemas of the same object know. */
export const keysOf = (asts: readonly Ast[]): readonly string[] => [
  ...new Set(structs(asts).flatMap(({ propertySignatures }) => propertySignatures.map(({ name }) => String(name)))),
];

/** The schemas of what is at a key of an object that these schemas describe. */
export const schemasAt = (asts: readonly Ast[], key: string): readonly Ast[] =>
  valuesOf(structs(asts.map(SchemaAST.toEncoded)), key);

/** The fault of a key that misspells another one; nothing to be said when it resembles none. */
export function reportMisspelt(path: ConfPath, key: string, known: readonly string[], report: Report): void {
  const nearest = nearestKey(key, known);
  if (nearest === null || nearest === key) return;
  const here = [...path, key];
  const text = `${subject(here)}: there is no such key, did you mean "${nearest}"?`;
  report({ path: here, at: "key", code: CniCode.INVALID_NETWORK_CONFIG, text });
}

/**
 * Reports the keys, at every level, that none of the schemas knows and that look like one they know. Keys that resemble
 * none are somebody else's; those of records are data.
 */
export const reportMisspeltKeys = (schemas: readonly Ast[], value: Json, path: ConfPath, report: Report): void =>
  walk(schemas.map(SchemaAST.toEncoded), value, path, report);

function walk(schemas: readonly Ast[], value: Json, path: ConfPath, report: Report): void {
  if (Array.isArray(value)) {
    const items = alternatives(schemas).flatMap((ast) => ast._tag === "Arrays" ? ast.rest : []);
    if (items.length === 0) return;
    value.forEach((item: Json, index) => walk(items, item, [...path, index], report));
  } else if (isJsonObject(value)) {
    const objects = structs(schemas);
    const isOpen = objects.some(({ indexSignatures }) => indexSignatures.length > 0);
    const known = keysOf(objects);
    for (const [key, item] of Object.entries(value)) {
      const values = valuesOf(objects, key);
      if (values.length > 0) walk(values, item, [...path, key], report);
      else if (!isOpen) reportMisspelt(path, key, known, report);
    }
  }
}
