/**
 * A web server on port 80 that greets its clients by their address. Says one line when it listens; ends with its stdin,
 * so that it never outlives who started it.
 */
import { say } from "../say.ts";

const server = Deno.serve({
  port: 80,
  hostname: "0.0.0.0",
  onListen: ({ port }) => say(`listening on port ${port}`),
}, (_request, { remoteAddr }) => new Response(`blue greets ${"hostname" in remoteAddr ? remoteAddr.hostname : "you"}`));

for await (const _ of Deno.stdin.readable);
await server.shutdown();
