/** One of several processes: reserves addresses, releases every other one, and prints those it got, one per line. */
import * as Effect from "effect/Effect";
import { directoryLeases } from "../../src/effects/leases/directory.ts";
import { Leases } from "../../src/effects/leases/leases.ts";

const [stateDir = "", pool = "", name = "", count = "0"] = Deno.args;

const ranges = [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }];

const script = Effect.gen(function* () {
  const leases = yield* Leases;
  const addresses: string[] = [];
  for (let at = 0; at < Number(count); at++) {
    const owner = { containerId: `${name}-${at}`, ifName: "eth0" };
    const lease = yield* leases.apply({ op: "lease.reserve", pool, owner, set: 0, ranges });
    if (lease !== undefined) addresses.push(lease.address);
    if (at % 2 === 1) yield* leases.apply({ op: "lease.release", pool, owner });
  }
  return addresses;
});

const addresses = await Effect.runPromise(script.pipe(Effect.provide(directoryLeases({ stateDir }))));
await Deno.stdout.write(new TextEncoder().encode(addresses.join("\n")));
