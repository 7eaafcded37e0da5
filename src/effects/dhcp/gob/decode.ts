/** Reading values of Go's encoding/gob, by the definitions that the stream itself holds. */
import { type GobRecord, type GobValue, isRecord } from "./encode.ts";
import { GobBytes, GobFault } from "./number.ts";

/** Longest message, in bytes: more than any configuration may have. */
const LONGEST_MESSAGE = 2 ** 23;
/** Values within values: more than any result has. */
const DEEPEST = 32;

/** A type as the stream has defined it. Types that encode themselves are bytes to others. */
type Definition =
  | { readonly kind: "bool" | "int" | "uint" | "bytes" | "string" }
  | { readonly kind: "list"; readonly of: number }
  | { readonly kind: "map"; readonly key: number; readonly of: number }
  | { readonly kind: "struct"; readonly fields: readonly (readonly [name: string, id: number])[] };

const struct = (...fields: readonly (readonly [string, number])[]): Definition => ({ kind: "struct", fields });

/** Go's own types, and the types of definitions (encoding/gob, type.go). */
const BUILT_IN: readonly (readonly [id: number, definition: Definition])[] = [
  [1, { kind: "bool" }],
  [2, { kind: "int" }],
  [3, { kind: "uint" }],
  [5, { kind: "bytes" }],
  [6, { kind: "string" }],
  [16, struct(["array", 17], ["slice", 19], ["struct", 20], ["map", 23], ["self", 24], ["self", 24], ["self", 24])],
  [17, struct(["common", 18], ["of", 2], ["length", 2])],
  [18, struct(["name", 6], ["id", 2])],
  [19, struct(["common", 18], ["of", 2])],
  [20, struct(["common", 18], ["fields", 22])],
  [21, struct(["name", 6], ["id", 2])],
  [22, { kind: "list", of: 21 }],
  [23, struct(["common", 18], ["key", 2], ["of", 2])],
  [24, struct(["common", 18])],
];
const WIRE_TYPE = 16;

const numberIn = (fields: GobRecord, name: string): number => {
  const value = fields[name];
  return typeof value === "number" ? value : 0;
};

/** What a definition says, of which everything but one part is absent. */
function definitionIn(wire: GobRecord): Definition {
  const { array, slice, struct, map, self } = wire;
  if (isRecord(array)) return { kind: "list", of: numberIn(array, "of") };
  if (isRecord(slice)) return { kind: "list", of: numberIn(slice, "of") };
  if (isRecord(map)) return { kind: "map", key: numberIn(map, "key"), of: numberIn(map, "of") };
  if (isRecord(self)) return { kind: "bytes" };
  if (!isRecord(struct)) throw new GobFault("a type that is not defined");
  const fields = Array.isArray(struct.fields) ? struct.fields.filter(isRecord) : [];
  return {
    kind: "struct",
    fields: fields.map((field) => [typeof field.name === "string" ? field.name : "", numberIn(field, "id")] as const),
  };
}

/** The next whole message of a stream, and where the one after it begins; null where it has not come yet. */
export function nextMessage(
  bytes: Uint8Array,
  at: number,
): { readonly message: Uint8Array; readonly next: number } | null {
  const [first] = bytes.subarray(at, at + 1);
  if (first === undefined || (first > 128 && bytes.length - at < 257 - first)) return null;
  const place = new GobBytes(bytes, at);
  const length = place.uint();
  if (length > LONGEST_MESSAGE) throw new GobFault(`a message of ${length} bytes`);
  return place.left < length ? null : { message: place.take(length), next: place.at };
}

const decoder = new TextDecoder();

/** A stream that is read: it remembers the types that were defined. */
export class GobDecoder {
  readonly #types = new Map(BUILT_IN);

  /**
   * The value of a message; null for one that defines a type. Throws `GobFault` for what is no message. A struct has only
   * the fields that were sent: zero values are not.
   */
  decode(message: Uint8Array): GobValue | null {
    const bytes = new GobBytes(message);
    const id = bytes.int();
    if (id < 0) {
      const wire = this.#value(bytes, WIRE_TYPE, 0);
      this.#types.set(-id, definitionIn(isRecord(wire) ? wire : {}));
      return null;
    }
    // What is no struct has a zero before it.
    if (this.#types.get(id)?.kind !== "struct") bytes.take(1);
    return this.#value(bytes, id, 0);
  }

  #value(bytes: GobBytes, id: number, depth: number): GobValue {
    const type = this.#types.get(id);
    if (type === undefined) throw new GobFault(`a value of type ${id}, which is not defined`);
    if (depth > DEEPEST) throw new GobFault(`values within values, ${depth} deep`);
    switch (type.kind) {
      case "bool":
        return bytes.uint() !== 0;
      case "int":
        return bytes.int();
      case "uint":
        return bytes.uint();
      case "bytes":
        return bytes.take(bytes.uint()).slice();
      case "string":
        return decoder.decode(bytes.take(bytes.uint()));
      case "list":
        return Array.from({ length: bytes.count() }, () => this.#value(bytes, type.of, depth + 1));
      case "map":
        return Array.from(
          { length: bytes.count() },
          () => [this.#value(bytes, type.key, depth + 1), this.#value(bytes, type.of, depth + 1)],
        );
      case "struct":
        return this.#struct(bytes, type.fields, depth);
    }
  }

  #struct(bytes: GobBytes, fields: readonly (readonly [name: string, id: number])[], depth: number): GobValue {
    const found: Record<string, GobValue> = {};
    for (let at = -1;;) {
      const step = bytes.uint();
      if (step === 0) return found;
      at += step;
      const field = fields[at];
      if (field === undefined) throw new GobFault(`field ${at} of a struct that has ${fields.length}`);
      found[field[0]] = this.#value(bytes, field[1], depth + 1);
    }
  }
}
