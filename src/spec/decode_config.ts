/**
 * Configuration through a plugin's schema: keys as Go matches them, faults as sentences that name key and value.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as SchemaAST from "effect/SchemaAST";
import * as SchemaIssue from "effect/SchemaIssue";
import { type ConfFault, type ConfPath, quote, refusalOf, subject } from "./conf_fault.ts";
import { CniCode, type Refused } from "./failure.ts";
import { foldKeys } from "./fold_keys.ts";
import type { JsonObject } from "./json.ts";
import { descriptionOf } from "./key_descriptions.ts";

/** What is at a path; undefined where the path leads nowhere. */
const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined,
    root,
  );

/** The schema names types by single words; sentences need an article. */
const withArticle = (expected: string): string =>
  /^[a-z]+$/.test(expected) ? `${/^[aeiou]/.test(expected) ? "an" : "a"} ${expected}` : expected;

/** "Expected X" is the schema's own wording; any other message is ours and continues a sentence that ends in the value. */
const clause = (message: string): string =>
  message.startsWith("Expected ") ? `is not ${withArticle(message.slice("Expected ".length))}` : message;

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1();

/** A path as the schema has it; symbols name no keys of JSON. */
const pathOf = (path: readonly unknown[]): ConfPath =>
  path.map((segment) => typeof segment === "object" && segment !== null && "key" in segment ? segment.key : segment)
    .map((key) => typeof key === "number" ? key : String(key));

/** How the schema describes what is at a path; a key that is required says in its description what it must be. */
function descriptionAt(ast: SchemaAST.AST | undefined, [key, ...path]: ConfPath): string | undefined {
  if (ast?._tag === "Arrays") return descriptionAt(ast.rest[0], path);
  if (ast?._tag !== "Objects" || typeof key !== "string") return undefined;
  if (path.length === 0) return descriptionOf(ast, key);
  return descriptionAt(ast.propertySignatures.find(({ name }) => name === key)?.type, path);
}

/** One sentence for one fault. */
function textOf(value: unknown, path: ConfPath, message: string, description: string | undefined): string {
  if (value !== undefined) return `${subject(path)}: ${quote(value)} ${clause(message)}`;
  return `${subject(path)}: it is missing${description === undefined ? "" : `, it must be ${description}`}`;
}

/** The faults of `root`, which stands at `place` of its document. */
function faultsOf(
  issue: SchemaIssue.Issue,
  ast: SchemaAST.AST,
  root: unknown,
  place: ConfPath = [],
): readonly ConfFault[] {
  return formatIssues(issue).issues.map(({ path = [], message }) => {
    const inside = pathOf(path);
    const whole = [...place, ...inside];
    const text = textOf(valueAt(root, inside), whole, message, descriptionAt(ast, inside));
    return { path: whole, code: CniCode.INVALID_NETWORK_CONFIG, text };
  });
}

const OPTIONS = { errors: "all", onExcessProperty: "ignore" } as const;

/**
 * All faults that a plugin's schema finds in a configuration, which stands at `place` of its document. Keys match
 * whatever their case, nulls are absent.
 */
export function configFaults<C>(
  schema: Schema.Codec<C, unknown>,
  raw: JsonObject,
  place: ConfPath,
): readonly ConfFault[] {
  const folded = foldKeys(schema.ast, raw);
  const decoded = Schema.decodeUnknownResult(schema, OPTIONS)(folded);
  return decoded._tag === "Success" ? [] : faultsOf(decoded.failure.issue, schema.ast, folded, place);
}

/**
 * Decodes a request config with a plugin's schema. Keys match whatever their case, nulls are absent, unknown keys are
 * dropped. Refused (code 7) with every fault named: the first in `msg`, further ones in `details`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import * as Schema from "effect/Schema";
 * import { decodeConfig } from "./decode_config.ts";
 * const Bandwidth = Schema.Struct({ ingressRate: Schema.Int });
 * const config = Effect.runSync(decodeConfig(Bandwidth, { IngressRate: 8000, other: true }));
 * if (config.ingressRate !== 8000) throw new Error("keys match whatever their case");
 * const refused = Effect.runSync(Effect.flip(decodeConfig(Bandwidth, { ingressRate: "fast" })));
 * if (!refused.msg.startsWith('Cannot use "ingressRate": "fast" is not')) throw new Error(refused.msg);
 * ```
 */
export function decodeConfig<C>(schema: Schema.Codec<C, unknown>, raw: JsonObject): Effect.Effect<C, Refused> {
  const folded = foldKeys(schema.ast, raw);
  return Schema.decodeUnknownEffect(schema, OPTIONS)(folded).pipe(
    Effect.mapError(({ issue }) => {
      const texts = faultsOf(issue, schema.ast, folded).map(({ text }) => `Cannot use ${text}`);
      return refusalOf(CniCode.INVALID_NETWORK_CONFIG, texts);
    }),
  );
}
