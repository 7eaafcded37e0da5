/**
 * Netlink messages as bytes: a growing writer, and a reader that never throws on what it is given.
 *
 * Headers and most integers are in host order, which is little-endian on every machine Deno runs on; nfnetlink's
 * integers are in network order (`be16`, `be32`, `be64`).
 */

/** Bytes of struct nlmsghdr (linux/netlink.h), with which every message starts. */
export const NLMSG_HDRLEN = 16;
/** linux/netlink.h: the attribute holds attributes. */
const NLA_F_NESTED = 0x8000;
/** linux/netlink.h: what remains of a type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;
/** Bytes of struct nlattr before the payload; every attribute starts on a boundary of 4. */
const ATTRIBUTE_HEADER = 4;
/** The length field has 16 bits. */
const LONGEST_ATTRIBUTE = 0xffff;

/** The next boundary of 4 bytes (NLMSG_ALIGN and NLA_ALIGN, linux/netlink.h). */
export const aligned = (length: number): number => (length + 3) & ~3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Writes headers and attributes one after the other.
 *
 * @example
 * ```ts
 * import { Writer } from "./message.ts";
 * const bytes = new Writer().attributeString(3, "eth0").finish();
 * if (bytes.join() !== "9,0,3,0,101,116,104,48,0,0,0,0") throw new Error(bytes.join());
 * ```
 */
export class Writer {
  /** Starts with more bytes than most requests have; doubled when they run out. */
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Makes room for `count` bytes and returns where they start. Room is always zero. */
  #advance(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, end));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }

  /** One byte. */
  u8(value: number): this {
    const at = this.#advance(1);
    this.#bytes[at] = value;
    return this;
  }

  /** Two bytes in host order. */
  u16(value: number): this {
    const at = this.#advance(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    return this;
  }

  /** Four bytes in host order; a negative number is written as its two's complement. */
  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }

  /** Two bytes in network order. */
  be16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  /** Four bytes in network order; a negative number is written as its two's complement. */
  be32(value: number): this {
    return this.be16(value >>> 16).be16(value & 0xffff);
  }

  /** Eight bytes in network order. */
  be64(value: bigint): this {
    return this.be32(Number(BigInt.asUintN(32, value >> 32n))).be32(Number(BigInt.asUintN(32, value)));
  }

  /** These bytes, unpadded. */
  bytes(value: Uint8Array): this {
    const at = this.#advance(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Text in UTF-8 with a final NUL. */
  cstring(value: string): this {
    return this.bytes(encoder.encode(`${value}\0`));
  }

  /** Zeros up to the next boundary of 4 bytes. */
  align(): this {
    this.#advance(aligned(this.#length) - this.#length);
    return this;
  }

  /** An attribute whose payload `write` writes. Throws `RangeError` when it gets longer than its length field can say. */
  attribute(type: number, write: (writer: this) => unknown): this {
    const start = this.#length;
    this.u16(0).u16(type);
    write(this);
    const length = this.#length - start;
    if (length > LONGEST_ATTRIBUTE) {
      throw new RangeError(`Cannot write netlink attribute ${type}: ${length} bytes, at most ${LONGEST_ATTRIBUTE} fit`);
    }
    this.#bytes[start] = length;
    this.#bytes[start + 1] = length >>> 8;
    return this.align();
  }

  /** An attribute that holds the attributes `write` writes; NLA_F_NESTED is set. */
  nested(type: number, write: (writer: this) => unknown): this {
    return this.attribute(type | NLA_F_NESTED, write);
  }

  /** An attribute of one byte. */
  attributeU8(type: number, value: number): this {
    return this.attribute(type, () => this.u8(value));
  }

  /** An attribute of two bytes in host order. */
  attributeU16(type: number, value: number): this {
    return this.attribute(type, () => this.u16(value));
  }

  /** An attribute of four bytes in host order. */
  attributeU32(type: number, value: number): this {
    return this.attribute(type, () => this.u32(value));
  }

  /** An attribute of two bytes in network order. */
  attributeBe16(type: number, value: number): this {
    return this.attribute(type, () => this.be16(value));
  }

  /** An attribute of four bytes in network order. */
  attributeBe32(type: number, value: number): this {
    return this.attribute(type, () => this.be32(value));
  }

  /** An attribute of eight bytes in network order. */
  attributeBe64(type: number, value: bigint): this {
    return this.attribute(type, () => this.be64(value));
  }

  /** An attribute of text with a final NUL. */
  attributeString(type: number, value: string): this {
    return this.attribute(type, () => this.cstring(value));
  }

  /** An attribute of these bytes. */
  attributeBytes(type: number, value: Uint8Array): this {
    return this.attribute(type, () => this.bytes(value));
  }

  /** What was written: a view, valid until the next write. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Unsigned, little-endian, from the bytes themselves: a DataView for each integer would cost more than reading it. */
const little = (bytes: Uint8Array, size: number, offset: number): number => {
  let value = 0;
  for (let at = offset + size - 1; at >= offset; at--) value = value * 256 + (bytes[at] ?? 0);
  return value;
};

/** Unsigned, host order; null when there are not enough bytes. */
export const readUint = (bytes: Uint8Array | null, size: 1 | 2 | 4, offset = 0): number | null =>
  bytes === null || bytes.length < offset + size ? null : little(bytes, size, offset);

/** Unsigned, network order; null when there are not enough bytes. */
export function readBe(bytes: Uint8Array | null, size: 2 | 4, offset = 0): number | null {
  if (bytes === null || bytes.length < offset + size) return null;
  let value = 0;
  for (let at = offset; at < offset + size; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

/** Text up to its first NUL or to the end. */
export function readString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * The attributes in a run of bytes, in order, types without their flag bits. Ends at the first one that does not fit:
 * whatever the bytes are, it neither throws nor reads beyond them.
 */
export function* attributesOf(bytes: Uint8Array): Generator<readonly [type: number, payload: Uint8Array]> {
  let at = 0;
  while (at + ATTRIBUTE_HEADER <= bytes.length) {
    const length = little(bytes, 2, at), type = little(bytes, 2, at + 2);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) return;
    yield [type & NLA_TYPE_MASK, bytes.subarray(at + ATTRIBUTE_HEADER, at + length)];
    at += aligned(length);
  }
}

/** Attributes by type; of a repeated one the last. What is missing or too short reads as null. */
export class Attributes {
  readonly #byType: ReadonlyMap<number, Uint8Array>;

  constructor(bytes: Uint8Array) {
    this.#byType = new Map(attributesOf(bytes));
  }

  /** Whether there is such an attribute. */
  has(type: number): boolean {
    return this.#byType.has(type);
  }

  /** The payload. */
  bytes(type: number): Uint8Array | null {
    return this.#byType.get(type) ?? null;
  }

  /** One byte. */
  u8(type: number): number | null {
    return readUint(this.bytes(type), 1);
  }

  /** Two bytes in host order. */
  u16(type: number): number | null {
    return readUint(this.bytes(type), 2);
  }

  /** Four bytes in host order. */
  u32(type: number): number | null {
    return readUint(this.bytes(type), 4);
  }

  /** Two bytes in network order. */
  be16(type: number): number | null {
    return readBe(this.bytes(type), 2);
  }

  /** Four bytes in network order. */
  be32(type: number): number | null {
    return readBe(this.bytes(type), 4);
  }

  /** Text. */
  string(type: number): string | null {
    const bytes = this.bytes(type);
    return bytes === null ? null : readString(bytes);
  }

  /** The attributes inside; none when it is missing. */
  nested(type: number): Attributes {
    return new Attributes(this.bytes(type) ?? new Uint8Array());
  }
}
