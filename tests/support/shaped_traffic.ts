/** Traffic that may be held up, and what the kernel has counted of it. */
import type { Netns } from "./netns.ts";

/** Sends so many bytes, which the other end counts; answers how long it took, in milliseconds. */
export async function transfer(from: Netns, to: Netns, hostname: string, bytes: number): Promise<number> {
  const [listener] = to.run(() => [Deno.listen({ hostname: "::", port: 0 })]);
  if (listener === undefined) throw new Error("Cannot listen");
  const { port } = listener.addr as Deno.NetAddr;
  const began = performance.now();
  const received = (async () => {
    using connection = await listener.accept();
    let count = 0;
    for await (const chunk of connection.readable) count += chunk.length;
    return count;
  })();
  // Where no connection comes about, that is what the caller is told.
  received.catch(() => {});
  try {
    const [connecting] = from.run(() => [Deno.connect({ hostname, port })]);
    if (connecting === undefined) throw new Error("Cannot connect");
    const connection = await connecting;
    await new Blob([new Uint8Array(bytes)]).stream().pipeTo(connection.writable);
    const count = await received;
    if (count !== bytes) throw new Error(`${count} of ${bytes} bytes have arrived`);
    return performance.now() - began;
  } finally {
    listener.close();
  }
}

/** What tc(8) tells of a queueing discipline. */
export interface Counted {
  readonly kind: string;
  readonly handle: string;
  readonly root?: boolean;
  readonly bytes: number;
  /** How often a packet had to wait. */
  readonly overlimits: number;
  /** Of an htb: how many packets nothing has held up. */
  readonly options?: { readonly direct_packets_stat?: number };
}

/** All queueing disciplines of a link. */
export const counted = (ns: Netns, link: string): readonly Counted[] =>
  JSON.parse(ns.must(`tc -s -j qdisc show dev ${link}`));

/** The queueing discipline of what leaves by a link. */
export const rootOf = (ns: Netns, link: string): Counted | undefined =>
  counted(ns, link).find(({ root }) => root === true);
