/**
 * libc over FFI. Each function is resolved on its first call: a process that lives for milliseconds pays 0.02 ms for a
 * function it uses and nothing for the others.
 *
 * @module
 */

const DLSYM = { parameters: ["pointer", "buffer"], result: "pointer" } as const;

const encoder = new TextEncoder();

/** Text as C takes it: UTF-8 with a final NUL. Almost all is short and ASCII, for which a loop beats the encoder. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length + 1);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return encoder.encode(`${text}\0`);
    bytes[at] = code;
  }
  return bytes;
}

let dlsym: Deno.UnsafeFnPointer<typeof DLSYM> | undefined;

/** dlsym(3) itself. The library can be closed again at once: this program is linked to libc, which stays where it is. */
function openDlsym(): Deno.UnsafeFnPointer<typeof DLSYM> {
  const library = Deno.dlopen("libc.so.6", { dlsym: DLSYM });
  const address = library.symbols.dlsym(null, cstring("dlsym"));
  library.close();
  if (address === null) throw new Error('Cannot use "libc.so.6": it has no "dlsym"');
  return new Deno.UnsafeFnPointer(address as Deno.PointerObject<typeof DLSYM>, DLSYM);
}

/**
 * A function of libc, resolved when it is first asked for. Declare results as `i32`: a 64-bit result would be a BigInt,
 * whose allocation may run the garbage collector, which overwrites errno before it can be read.
 */
export function libcFunction<const D extends Deno.ForeignFunction>(
  name: string,
  definition: D,
): () => Deno.UnsafeFnPointer<D> {
  let pointer: Deno.UnsafeFnPointer<D> | undefined;
  const resolve = (): Deno.UnsafeFnPointer<D> => {
    dlsym ??= openDlsym();
    const address = dlsym.call(null, cstring(name));
    if (address === null) throw new Error(`Cannot use libc: it has no "${name}"`);
    return new Deno.UnsafeFnPointer(address as Deno.PointerObject<D>, definition);
  };
  return () => pointer ??= resolve();
}
