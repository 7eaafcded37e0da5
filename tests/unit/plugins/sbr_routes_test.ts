/** Routes beside others that sbr moves one by one, on a simulated machine. */
import assert from "node:assert/strict";
import type { Route } from "../../../src/effects/kernel/host.ts";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { planRoutes } from "../../../src/plugins/sbr/routes.ts";
import { done } from "../../support/bridge_machine.ts";
import { address, BOTH, conf, IP, machineOf, MAIN, route, up, V6, veth } from "../../support/sbr_case.ts";
Deno.test("of IPv6 routes that the kernel takes turns with, the interface's own move, and come back", async () => {
  const { run, routes } = machineOf([
    ...BOTH,
    address("eth0", "fd08::2/64"),
    route("eth0", "::/0", { gw: "fd08::1" }),
    route("net1", "::/0", { gw: "2001:db8:1::1" }),
    route("net1", "fd06::/64", { gw: "2001:db8:1::7" }),
    route("net1", "fd06::/64", { gw: "2001:db8:1::8" }),
  ]);
  const before = routes(254);
  done(await run("ADD", conf({}, [IP, V6])));
  assert.deepEqual(routes(101), [
    "2001:db8:1::/64 net1",
    "::/0 via 2001:db8:1::1 net1",
    "fd06::/64 via 2001:db8:1::7 net1",
    "fd06::/64 via 2001:db8:1::8 net1",
  ]);
  assert.deepEqual(routes(254), [...MAIN, "::/0 via fd08::1 eth0", "fd08::/64 eth0"].toSorted());
  done(await run("CHECK", conf({}, [IP, V6])));
  done(await run("DEL", conf({}, [IP, V6])));
  assert.deepEqual(routes(254), before);
});

Deno.test("next hops that come and go together stay where they are", () => {
  const hop: Route = {
    dst: "10.9.0.0/16",
    gw: "192.168.1.7",
    link: "net1",
    metric: 0,
    table: 254,
    scope: 0,
    mtu: null,
    advmss: null,
    multipath: true,
  };
  const source = { family: 4, address: "192.168.1.209/24", from: "192.168.1.209/32", gateway: null } as const;
  const link = { name: "net1", addresses: ["192.168.1.209/24"], routes: [hop, { ...hop, gw: "192.168.1.8" }] };
  const { tables, removals } = planRoutes([source], link, false);
  assert.deepEqual([tables.map(({ into }) => into(100)), removals], [[[]], []]);
});

Deno.test("[SB11] source hints go again where the interface reaches its network by a gateway, as behind ptp", async () => {
  const own = [["10.1.0.0/24", "10.1.0.1", "10.1.0.2"], ["fd01::/64", "fd01::1", "fd01::2"]] as const;
  const { run, routes, state } = machineOf([
    veth("v1", "net1"),
    up("net1"),
    ...own.flatMap(([network, gateway, ip]) => {
      const isIpv6 = ip.includes(":");
      const found: KernelOp = {
        op: "address.add",
        on: "container",
        link: "net1",
        address: `${ip}/${isIpv6 ? 64 : 24}`,
      };
      return [
        { ...found, noPrefixRoute: true, ...(isIpv6 ? { noDad: true } : {}) },
        route("net1", `${gateway}/${isIpv6 ? 128 : 32}`, { src: ip, ...(isIpv6 ? {} : { scope: 253 }) }),
        route("net1", network, { gw: gateway, src: ip }),
      ];
    }),
  ]);
  const before = state();
  const ips = own.map(([, gateway, ip]) => ({ address: `${ip}/${ip.includes(":") ? 64 : 24}`, gateway }));
  done(await run("ADD", conf({ addSourceHints: true }, ips)));
  assert.ok(routes(254).includes("10.1.0.0/24 net1 from 10.1.0.2"), routes(254).join(", "));
  assert.ok(routes(254).includes("fd01::/64 net1 from fd01::2"));
  done(await run("CHECK", conf({ addSourceHints: true }, ips)));
  done(await run("DEL", conf({ addSourceHints: true }, ips)));
  assert.deepEqual(state(), before);
});
