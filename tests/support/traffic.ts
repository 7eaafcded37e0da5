/** Real connections between namespaces, for live tests. */
import type { Netns } from "./netns.ts";

/** How long a connection may take, in milliseconds: where nothing answers, the kernel would try for minutes. */
const CONNECT_LIMIT_MS = 5_000;

/** Starts to connect with the thread inside: the socket, once made, stays in that namespace. */
const connect = async (ns: Netns, hostname: string, port: number): Promise<Deno.TcpConn> => {
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(new Error(`no connection to ${hostname}:${port}`)), CONNECT_LIMIT_MS);
  try {
    const [connection] = ns.run(() => [Deno.connect({ hostname, port, signal: abort.signal })]);
    if (connection === undefined) throw new Error("not started");
    return await connection;
  } finally {
    clearTimeout(limit);
  }
};

/** A router that has just come up asks for IPv6 neighbours in vain until its own link-local address may be used. */
const NEW_ROUTER_TRIES = 10;

/** Whether the router, or this host, found no neighbour; every such answer takes as long as the kernel has asked. */
const isUnreachable = (error: unknown): boolean => error instanceof Error && error.message.includes("os error 113");

/** Connects; over IPv6 through a router that is still coming up, too. */
const connectThroughRouter = async (ns: Netns, hostname: string, port: number): Promise<Deno.TcpConn> => {
  for (let tries = hostname.includes(":") ? NEW_ROUTER_TRIES : 1;; tries--) {
    try {
      return await connect(ns, hostname, port);
    } catch (error) {
      if (tries === 1 || !isUnreachable(error)) throw error;
    }
  }
};

/** Connects and answers the address the server saw. */
export const dial = async (ns: Netns, hostname: string, port: number): Promise<string> => {
  using connection = await connectThroughRouter(ns, hostname, port);
  return (await new Response(connection.readable).text()).replace("::ffff:", "");
};

/** Answers every connection with the address it came from, after `name`. */
export const serve = (ns: Netns, port: number, name = ""): AsyncDisposable => {
  const listener = ns.run(() => Deno.listen({ hostname: "::", port }));
  const served = (async () => {
    for await (const connection of listener) {
      await new Blob([name, connection.remoteAddr.hostname]).stream().pipeTo(connection.writable);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await served;
    },
  };
};
