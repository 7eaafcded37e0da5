/**
 * Configuration through a plugin's schema: keys as Go matches them, faults as sentences that name key and value.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as SchemaIssue from "effect/SchemaIssue";
import { CniCode, Refused } from "./failure.ts";
import { foldKeys } from "./fold_keys.ts";
import type { JsonObject } from "./json.ts";

/** Longest value a message quotes, in characters. */
const MAX_QUOTED = 80;

/** A value as JSON, cut to what a message can carry. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED - 1)}…` : text;
}

/** `ipam.ranges[0][1].subnet`: how people write a path. */
const dotted = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : `${text && text + "."}${String(key)}`,
    "",
  );

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

/** One sentence for one fault. */
function sentence(root: unknown, path: readonly PropertyKey[], message: string): string {
  const value = valueAt(root, path);
  const name = path.length === 0 ? "the configuration" : `"${dotted(path)}"`;
  return value === undefined
    ? `Cannot use ${name}: it is missing`
    : `Cannot use ${name}: ${quote(value)} ${clause(message)}`;
}

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1();

/** The refusal for a schema's issues: the first as `msg`, the others in `details`. */
function refusal(issue: SchemaIssue.Issue, root: unknown): Refused {
  const sentences = formatIssues(issue).issues.map(({ path, message }) =>
    sentence(root, (path ?? []).map((key) => typeof key === "object" ? key.key : key), message)
  );
  const [msg = "Cannot use the configuration", ...more] = [...new Set(sentences)];
  return new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg,
    ...(more.length === 0 ? {} : { details: more.join("; ") }),
  });
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
  return Schema.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: "ignore" })(folded).pipe(
    Effect.mapError((error) => refusal(error.issue, folded)),
  );
}
