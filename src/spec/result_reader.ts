/**
 * Reading members of a result: keys whatever their case, null as absence, faults with the place where they are. A fault
 * is thrown as `Refused` and caught at the one entry, `readResult`.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { canonicalCidr, canonicalIp } from "./cidr.ts";
import { quote } from "./conf_fault.ts";
import { CniCode, Refused } from "./failure.ts";
import { member } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** An object of a result and where it stands: `ips[0]`. */
export interface Node {
  readonly object: JsonObject;
  readonly place: string;
}

const below = (node: Node, key: string): string => node.place === "" ? key : `${node.place}.${key}`;

const refuse = (code: number, place: string, value: Json, rule: string): never => {
  throw new Refused({ code, msg: `Cannot use the result: "${place}": ${quote(value)} is not ${rule}` });
};

/** Runs a reader; what it throws as `Refused` becomes the failure. */
export const readResult = <A>(read: () => A): Effect.Effect<A, Refused> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(read());
    } catch (error) {
      return error instanceof Refused ? Effect.fail(error) : Effect.die(error);
    }
  });

/** The object at the top, or at a place. */
export function nodeOf(value: Json, place: string): Node {
  if (isJsonObject(value)) return { object: value, place };
  return refuse(CniCode.DECODING_FAILURE, place || "the whole", value, "an object");
}

/** The object under a key, or null. */
export function child(node: Node, key: string): Node | null {
  const value = member(node.object, key);
  return value === undefined ? null : nodeOf(value, below(node, key));
}

/** The elements of the array under a key; none when it is absent. */
function elements(node: Node, key: string): readonly { readonly value: Json; readonly place: string }[] {
  const value = member(node.object, key) ?? [];
  const place = below(node, key);
  if (!Array.isArray(value)) return refuse(CniCode.DECODING_FAILURE, place, value, "an array");
  return value.map((item: Json, index) => ({ value: item, place: `${place}[${index}]` }));
}

/** The objects of the array under a key. */
export const children = (node: Node, key: string): readonly Node[] =>
  elements(node, key).map(({ value, place }) => nodeOf(value, place));

/** A text; empty when absent. */
export function text(node: Node, key: string): string {
  const value = member(node.object, key) ?? "";
  return typeof value === "string" ? value : refuse(CniCode.DECODING_FAILURE, below(node, key), value, "a string");
}

/** The texts of the array under a key. */
export const texts = (node: Node, key: string): readonly string[] =>
  elements(node, key).map(({ value, place }) =>
    typeof value === "string" ? value : refuse(CniCode.DECODING_FAILURE, place, value, "a string")
  );

/** A whole number; undefined when absent. Its sign is not checked, as in libcni: `interface` may be -1. */
export function integer(node: Node, key: string): number | undefined {
  const value = member(node.object, key);
  if (value === undefined || (typeof value === "number" && Number.isInteger(value))) return value;
  return refuse(CniCode.DECODING_FAILURE, below(node, key), value, "a whole number");
}

/** A canonical address, or empty when absent or empty. */
export function address(node: Node, key: string): string {
  const value = text(node, key);
  return value === ""
    ? ""
    : canonicalIp(value) ?? refuse(CniCode.INVALID_NETWORK_CONFIG, below(node, key), value, "an IP address");
}

/** A canonical address with prefix; it must be there. */
export function prefix(node: Node, key: string): string {
  const value = text(node, key);
  return canonicalCidr(value) ?? refuse(
    CniCode.INVALID_NETWORK_CONFIG,
    below(node, key),
    member(node.object, key) ?? null,
    "an address with a prefix length, such as 10.1.0.2/16",
  );
}
