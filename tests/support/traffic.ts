/** Real connections between namespaces, for live tests. */
import type { Netns } from "./netns.ts";

/** Starts to connect with the thread inside: the socket, once made, stays in that namespace. */
const connect = (ns: Netns, hostname: string, port: number): Promise<Deno.TcpConn> => {
  const [connection] = ns.run(() => [Deno.connect({ hostname, port })]);
  return connection ?? Promise.reject(new Error("not started"));
};

/** Connects and answers the address the server saw. */
export const dial = async (ns: Netns, hostname: string, port: number): Promise<string> => {
  using connection = await connect(ns, hostname, port);
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
