import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { can } from "../support/capabilities.ts";
import { bringUp, ip, newPair } from "../support/pair.ts";

const ignore = !(can.veth && can.bridge && can.ip);

Deno.test({ name: "addresses are added and removed as ip shows them", ignore }, () => {
  using t = newPair();
  bringUp(t);
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "10.1.0.5/24" });
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "10.9.0.4/31" });
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "fd00::5/64", noDad: true });
  const [shown] = ip(t.containerNs, "addr show eth0") as { addr_info: Record<string, unknown>[] }[];
  const find = (local: string) => shown?.addr_info.find((address) => address.local === local);
  assert.deepEqual([find("10.1.0.5")?.prefixlen, find("10.1.0.5")?.broadcast, find("10.1.0.5")?.scope], [
    24,
    "10.1.0.255",
    "global",
  ]);
  assert.equal(find("10.9.0.4")?.broadcast, undefined);
  assert.equal(find("fd00::5")?.nodad, true);
  const seen = () => Effect.runSync(t.host.addresses("container", "eth0"));
  const usable = { scope: 0, tentative: false, dadFailed: false };
  assert.deepEqual(seen().filter(({ scope }) => scope === 0), [
    { address: "10.1.0.5/24", ...usable },
    { address: "10.9.0.4/31", ...usable },
    { address: "fd00::5/64", ...usable, noDad: true },
  ]);
  assert.deepEqual(seen().filter(({ scope }) => scope === 253).map(({ address }) => address.slice(0, 5)), ["fe80:"]);
  assert.equal(
    t.refused({ op: "address.add", on: "container", link: "eth0", address: "10.1.0.5/24" }).errno,
    "EEXIST",
  );
  t.apply({ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.5/24" });
  t.apply({ op: "address.remove", on: "container", link: "eth0", address: "fd00::5/64" });
  assert.deepEqual(seen().filter(({ scope }) => scope === 0).map(({ address }) => address), ["10.9.0.4/31"]);
  for (const address of ["10.1.0.5/24", "10.9.0.4/24", "fd00::5/64"]) {
    assert.equal(t.refused({ op: "address.remove", on: "container", link: "eth0", address }).errno, "EADDRNOTAVAIL");
  }
});

Deno.test({ name: "routes are added with their metrics, table and scope, and read back", ignore }, () => {
  using t = newPair();
  bringUp(t);
  const at = { on: "container", link: "eth0" } as const;
  t.apply({ op: "address.add", ...at, address: "10.1.0.5/24" });
  t.apply({ op: "address.add", ...at, address: "fd00::5/64", noDad: true });
  const routes = [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", metric: 50, mtu: 1300, advmss: 1260 },
    { dst: "10.50.0.0/16", scope: 253 },
    { dst: "10.60.0.0/16", gw: "10.1.0.2", table: 5000 },
    { dst: "::/0", gw: "fd00::1" },
    { dst: "fd01::/64", gw: "fd00::2", table: 100, metric: 7 },
  ];
  for (const route of routes) t.apply({ op: "route.add", ...at, ...route });
  const [byIp] = ip(t.containerNs, "route show default");
  assert.deepEqual([byIp?.gateway, byIp?.metric, byIp?.protocol], ["10.1.0.1", 50, "boot"]);
  assert.deepEqual(byIp?.metrics, [{ mtu: 1300, advmss: 1260 }]);
  const none = { gw: null, metric: 0, table: 254, scope: 0, mtu: null, advmss: null, link: "eth0" };
  const find = (family: 4 | 6, dst: string) =>
    Effect.runSync(t.host.routes("container", family)).filter((route) => route.dst === dst);
  assert.deepEqual(find(4, "0.0.0.0/0"), [{ ...none, ...routes[0] }]);
  assert.deepEqual(find(4, "10.50.0.0/16"), [{ ...none, ...routes[1] }]);
  assert.deepEqual(find(4, "10.60.0.0/16"), [{ ...none, ...routes[2] }]);
  assert.deepEqual(find(6, "::/0"), [{ ...none, ...routes[3], metric: 1024 }]);
  assert.deepEqual(find(6, "fd01::/64"), [{ ...none, ...routes[4] }]);
  const inTable = Effect.runSync(t.host.routes("container", 4, 5000));
  assert.deepEqual(inTable.map(({ dst }) => dst), ["10.60.0.0/16"]);
  assert.deepEqual(Effect.runSync(t.host.routes("container", 4, 6000)), []);
  assert.deepEqual(
    Effect.runSync(t.host.routes("container", 6, 254)).map(({ dst }) => dst).includes("fd01::/64"),
    false,
  );
  assert.equal(Effect.runSync(t.host.linkTowards("container", "192.0.2.9"))?.name, "eth0");
  assert.equal(Effect.runSync(t.host.linkTowards("container", "2001:db8::9"))?.name, "eth0");
  assert.equal(Effect.runSync(t.host.linkTowards("container", "10.1.0.5"))?.name, "lo");
  assert.equal(Effect.runSync(t.host.linkTowards("host", "192.0.2.9")), null);
  assert.equal(Effect.runSync(t.host.linkTowards("host", "2001:db8::9")), null);
  for (const route of routes) t.apply({ op: "route.remove", ...at, ...route });
  for (const route of routes) {
    assert.equal(t.refused({ op: "route.remove", ...at, ...route }).errno, "ESRCH", route.dst);
  }
  assert.equal(Effect.runSync(t.host.linkTowards("container", "192.0.2.9")), null);
});

Deno.test({ name: "a route is removed only as it was asked for: gateway and metric count", ignore }, () => {
  using t = newPair();
  bringUp(t);
  const at = { on: "container", link: "eth0" } as const;
  t.apply({ op: "address.add", ...at, address: "10.1.0.5/24" });
  t.apply({ op: "route.add", ...at, dst: "0.0.0.0/0", gw: "10.1.0.1", metric: 100 });
  for (const other of [{}, { gw: "10.1.0.1" }, { gw: "10.1.0.2", metric: 100 }, { metric: 100 }]) {
    assert.equal(t.refused({ op: "route.remove", ...at, dst: "0.0.0.0/0", ...other }).errno, "ESRCH");
  }
  assert.equal(ip(t.containerNs, "route show default").length, 1);
});

Deno.test({ name: "removing a route never takes a stranger's with another metric, or with a gateway", ignore }, () => {
  using t = newPair();
  bringUp(t);
  const at = { on: "container", link: "eth0" } as const;
  t.apply({ op: "address.add", ...at, address: "fd00:1::5/64", noDad: true });
  const theirs = { gw: "fd00:1::1", metric: 5 }, ours = { gw: "fd00:1::1" };
  for (const route of [theirs, ours]) t.apply({ op: "route.add", ...at, dst: "fd00:9::/64", ...route });
  t.apply({ op: "route.remove", ...at, dst: "fd00:9::/64", ...ours });
  const metrics = ip(t.containerNs, "-6 route show fd00:9::/64").map(({ metric }) => metric);
  assert.deepEqual(metrics, [5]);
  for (const route of [{}, { gw: "fd00:1::1" }]) t.apply({ op: "route.add", ...at, dst: "fd00:8::/64", ...route });
  const refusal = t.refused({ op: "route.remove", ...at, dst: "fd00:8::/64" });
  assert.equal(refusal.errno, "EBUSY");
  assert.match(refusal.message, /a route via fd00:1::1 would go instead/);
});

Deno.test({ name: "one destination can have two gateways, exactly the same route is refused", ignore }, () => {
  using t = newPair();
  bringUp(t);
  const at = { on: "container", link: "eth0" } as const;
  t.apply({ op: "address.add", ...at, address: "10.1.0.5/24" });
  t.apply({ op: "address.add", ...at, address: "fd00::5/64", noDad: true });
  for (
    const [family, dst, one, two] of [[4, "0.0.0.0/0", "10.1.0.1", "10.1.0.2"], [
      6,
      "::/0",
      "fd00::1",
      "fd00::2",
    ]] as const
  ) {
    t.apply({ op: "route.add", ...at, dst, gw: one });
    t.apply({ op: "route.add", ...at, dst, gw: two });
    assert.equal(t.refused({ op: "route.add", ...at, dst, gw: one }).errno, "EEXIST");
    const found = Effect.runSync(t.host.routes("container", family)).filter((route) => route.dst === dst);
    assert.deepEqual(found.map(({ gw, link }) => [gw, link]).sort(), [[one, "eth0"], [two, "eth0"]]);
    t.apply({ op: "route.remove", ...at, dst, gw: one });
    const left = Effect.runSync(t.host.routes("container", family)).filter((route) => route.dst === dst);
    assert.deepEqual(left.map(({ gw }) => gw), [two]);
  }
});

Deno.test({ name: "an unreachable gateway is refused in the kernel's words", ignore }, () => {
  using t = newPair();
  const route = { op: "route.add", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "192.0.2.1" } as const;
  const { gw: _, ...direct } = route;
  assert.equal(t.refused({ ...direct, dst: "10.3.0.0/16" }).errno, "ENETDOWN");
  bringUp(t);
  const error = t.refused(route);
  assert.equal(error.errno, "ENETUNREACH");
  assert.match(error.message, /^Cannot add route in the container "0\.0\.0\.0\/0 over eth0": ENETUNREACH: .*gateway/);
});

Deno.test({ name: "multipath routes have one entry per next hop", ignore }, () => {
  using t = newPair();
  bringUp(t);
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "10.1.0.5/24" });
  t.containerNs.must("ip route add 10.7.0.0/16 nexthop via 10.1.0.1 nexthop via 10.1.0.2 dev eth0");
  const found = Effect.runSync(t.host.routes("container", 4)).filter(({ dst }) => dst === "10.7.0.0/16");
  assert.deepEqual(found.map(({ gw, link }) => [gw, link]), [["10.1.0.1", "eth0"], ["10.1.0.2", "eth0"]]);
});

Deno.test({ name: "only unicast routes are shown", ignore }, () => {
  using t = newPair();
  t.containerNs.must("ip route add blackhole 10.66.0.0/24");
  t.containerNs.must("ip -6 route add unreachable fd66::/64");
  for (const family of [4, 6] as const) {
    const shown = Effect.runSync(t.host.routes("container", family)).map(({ dst }) => dst);
    assert.deepEqual(shown.filter((dst) => dst.includes("66") || dst.startsWith("127")), []);
  }
  assert.equal(Effect.runSync(t.host.linkTowards("container", "10.66.0.1")), null);
  assert.equal(Effect.runSync(t.host.linkTowards("container", "fd66::1")), null);
});

Deno.test({ name: "permanent neighbours are added, listed and removed", ignore }, () => {
  using t = newPair();
  bringUp(t);
  const at = { on: "container", link: "eth0", mac: "ee:ee:ee:ee:ee:ee" } as const;
  for (const address of ["169.254.1.1", "fe80::1"]) t.apply({ op: "neighbour.add", ...at, ip: address });
  const shown = t.containerNs.must("ip -j neigh show dev eth0 nud permanent");
  assert.equal(JSON.parse(shown).length, 2);
  const list = () => Effect.runSync(t.host.neighbours("container", "eth0")).filter(({ permanent }) => permanent);
  assert.deepEqual([...list()].sort((a, b) => a.ip < b.ip ? -1 : 1), [
    { ip: "169.254.1.1", mac: at.mac, permanent: true },
    { ip: "fe80::1", mac: at.mac, permanent: true },
  ]);
  assert.equal(t.refused({ op: "neighbour.add", ...at, ip: "169.254.1.1" }).errno, "EEXIST");
  t.apply({ op: "neighbour.remove", ...at, ip: "169.254.1.1" });
  assert.equal(t.refused({ op: "neighbour.remove", ...at, ip: "169.254.1.1" }).errno, "ENOENT");
  assert.deepEqual(list().map(({ ip }) => ip), ["fe80::1"]);
});

Deno.test({ name: "awaitDad hears the end of duplicate address detection", ignore }, async () => {
  using t = newPair();
  assert.equal(Effect.runSync(t.host.awaitDad("container", "eth0", 5000)), "done");
  t.containerNs.must("ip link set eth0 addrgenmode none");
  t.hostNs.must("ip link set veth0 addrgenmode none");
  bringUp(t);
  t.hostNs.must("ip addr add fd00::6/64 dev veth0 nodad");
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "fd00::5/64" });
  assert.equal(await Effect.runPromise(t.host.awaitDad("container", "eth0", 20)), "timeout");
  const waiting = Effect.runPromise(t.host.awaitDad("container", "eth0", 5000));
  assert.equal(await waiting, "done");
  t.apply({ op: "address.add", on: "container", link: "eth0", address: "fd00::6/64" });
  assert.equal(await Effect.runPromise(t.host.awaitDad("container", "eth0", 5000)), "failed");
  const taken = Effect.runSync(t.host.addresses("container", "eth0")).find(({ address }) => address === "fd00::6/64");
  assert.equal(taken?.dadFailed, true);
});
