/**
 * What the keys of a configuration are for, in words for people. They are kept beside the schemas: in them, every key
 * would be a schema of its own, which costs each plugin about two milliseconds when it starts.
 *
 * @module
 */
import type * as SchemaAST from "effect/SchemaAST";

/** By the keys of a struct, which copies of its schema share, optional ones for instance. */
const DESCRIPTIONS = new WeakMap<object, Readonly<Record<string, string | undefined>>>();

/** The schema of a struct. */
interface StructSchema {
  readonly ast: SchemaAST.Objects;
  readonly Type: object;
}

/**
 * The same schema, its keys described. The description of a key that is required says what it must be.
 *
 * @example
 * ```ts
 * import * as Schema from "effect/Schema";
 * import { described, descriptionOf } from "./key_descriptions.ts";
 * const Conf = described(Schema.Struct({ mtu: Schema.Int }), { mtu: "MTU in bytes" });
 * if (descriptionOf(Conf.ast, "mtu") !== "MTU in bytes") throw new Error("not described");
 * ```
 */
export function described<S extends StructSchema>(
  schema: S,
  keys: { readonly [Key in keyof S["Type"] & string]?: string },
): S {
  DESCRIPTIONS.set(schema.ast.propertySignatures, keys);
  return schema;
}

/** What a key of a struct is for; undefined where nobody has said so. */
export const descriptionOf = (ast: SchemaAST.Objects, key: string): string | undefined =>
  DESCRIPTIONS.get(ast.propertySignatures)?.[key];
