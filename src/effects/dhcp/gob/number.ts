/** Numbers of Go's encoding/gob, the form in which net/rpc carries its calls. */

/** Bytes that are not gob, or not what was expected: the message says what is wrong with them. */
export class GobFault extends Error {
  /** Tells it from other errors. */
  override readonly name = "GobFault";
}

/** Below it a number is one byte; otherwise a byte with the negated count comes first. */
const ONE_BYTE = 128;
const MOST_BYTES = 8;

/** Appends an unsigned number. */
export function writeUint(out: number[], value: number): void {
  if (value < ONE_BYTE) return void out.push(value);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  out.push(256 - bytes.length, ...bytes);
}

/** Appends a signed number: its lowest bit says whether the others are complemented. */
export const writeInt = (out: number[], value: number): void =>
  writeUint(out, value < 0 ? (-value - 1) * 2 + 1 : value * 2);

/** A place in bytes that are read. Everything throws `GobFault` where they end too early. */
export class GobBytes {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** How far it has been read. */
  get at(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next bytes. */
  take(count: number): Uint8Array {
    if (count > this.left) throw new GobFault(`${count} bytes are announced, and ${this.left} are left`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** The next unsigned number. Those above 2^53 - 1, which nothing here needs, are refused. */
  uint(): number {
    const [first = 0] = this.take(1);
    if (first < ONE_BYTE) return first;
    const count = 256 - first;
    if (count > MOST_BYTES) throw new GobFault(`a number of ${count} bytes`);
    const value = this.take(count).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw new GobFault(`a number as large as ${value}`);
    return value;
  }

  /** The next signed number. */
  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A number that says how much follows: at least a byte for each. */
  count(): number {
    const count = this.uint();
    if (count > this.left) throw new GobFault(`${count} of something are announced in ${this.left} bytes`);
    return count;
  }
}
