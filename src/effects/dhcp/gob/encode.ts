/** Writing values of Go's encoding/gob, each type's definition before its first value. */
import { writeInt, writeUint } from "./number.ts";

/** A type as it is written: one of Go's own, or one that is defined in the stream under `id`, from 65 on. */
export type GobType = "int" | "uint" | "bytes" | "string" | GobStruct | GobSlice;

/** A struct with its exported fields. */
export interface GobStruct {
  readonly id: number;
  readonly name: string;
  readonly fields: readonly (readonly [name: string, type: GobType])[];
}

/** A slice. */
export interface GobSlice {
  readonly id: number;
  readonly name: string;
  readonly of: GobType;
}

/** A value; zero values, and fields that are absent, are not sent. */
export type GobValue = number | boolean | string | Uint8Array | readonly GobValue[] | GobRecord;

/** A struct's fields by name. */
export interface GobRecord {
  readonly [field: string]: GobValue | undefined;
}

/** Ids of Go's own types (encoding/gob, type.go). */
const ID = { int: 2, uint: 3, bytes: 5, string: 6 } as const;
/** Places of fields in Go's wireType, sliceType, structType, commonType and fieldType, counted from 1. */
const WIRE_SLICE = 2, WIRE_STRUCT = 3;

const encoder = new TextEncoder();

const idOf = (type: GobType): number => typeof type === "string" ? ID[type] : type.id;

function writeText(out: number[], bytes: Uint8Array): void {
  writeUint(out, bytes.length);
  for (const byte of bytes) out.push(byte);
}

/** Go's commonType: a name, left out where it is empty, and an id. */
function writeCommon(out: number[], { name, id }: GobStruct | GobSlice): void {
  out.push(1);
  if (name !== "") {
    out.push(1);
    writeText(out, encoder.encode(name));
  }
  out.push(name === "" ? 2 : 1);
  writeInt(out, id);
  out.push(0);
}

function definition(type: GobStruct | GobSlice): number[] {
  const out: number[] = [];
  writeInt(out, -type.id);
  out.push("of" in type ? WIRE_SLICE : WIRE_STRUCT);
  writeCommon(out, type);
  if ("of" in type) {
    out.push(1);
    writeInt(out, idOf(type.of));
  } else if (type.fields.length > 0) {
    out.push(1);
    writeUint(out, type.fields.length);
    for (const [name, field] of type.fields) {
      out.push(1);
      writeText(out, encoder.encode(name));
      out.push(1);
      writeInt(out, idOf(field));
      out.push(0);
    }
  }
  return [...out, 0, 0];
}

const isZero = (value: GobValue | undefined): boolean =>
  value === undefined || value === 0 || value === false ||
  ((typeof value === "string" || value instanceof Uint8Array || Array.isArray(value)) && value.length === 0);

const mismatch = (type: GobType): TypeError =>
  new TypeError(`Cannot write a value as ${typeof type === "string" ? type : type.name}: it is another`);

function writeStruct(out: number[], type: GobStruct, value: GobRecord): void {
  let last = -1;
  for (const [index, [name, field]] of type.fields.entries()) {
    const part = value[name];
    if (part === undefined || isZero(part)) continue;
    writeUint(out, index - last);
    writeValue(out, field, part);
    last = index;
  }
  out.push(0);
}

/** Whether a value is a struct. */
export const isRecord = (value: GobValue | undefined): value is GobRecord =>
  typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);

function writeValue(out: number[], type: GobType, value: GobValue): void {
  if (type === "int" && typeof value === "number") return writeInt(out, value);
  if (type === "uint" && typeof value === "number") return writeUint(out, value);
  if (type === "string" && typeof value === "string") return writeText(out, encoder.encode(value));
  if (type === "bytes" && value instanceof Uint8Array) return writeText(out, value);
  if (typeof type === "string") throw mismatch(type);
  if ("fields" in type && isRecord(value)) return writeStruct(out, type, value);
  if ("fields" in type || !Array.isArray(value)) throw mismatch(type);
  writeUint(out, value.length);
  for (const each of value) writeValue(out, type.of, each);
}

/** A stream that is written: it remembers which types it has defined. */
export class GobEncoder {
  readonly #defined = new Set<number>();

  /** The messages for one struct: definitions of types that are new to the stream, and the value. */
  encode(type: GobStruct, value: GobRecord): Uint8Array<ArrayBuffer> {
    const out: number[] = [];
    this.#define(out, type);
    const body: number[] = [];
    writeInt(body, type.id);
    writeStruct(body, type, value);
    writeUint(out, body.length);
    return Uint8Array.from(out.concat(body));
  }

  /** A type before the types of its parts, as Go orders them. */
  #define(out: number[], type: GobType): void {
    if (typeof type === "string" || this.#defined.has(type.id)) return;
    this.#defined.add(type.id);
    const body = definition(type);
    writeUint(out, body.length);
    for (const byte of body) out.push(byte);
    for (const part of "of" in type ? [type.of] : type.fields.map(([, field]) => field)) this.#define(out, part);
  }
}
