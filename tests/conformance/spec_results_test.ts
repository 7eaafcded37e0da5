/** Results between the versions, member by member. Numbers are those of checklist.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { JsonObject } from "../../src/spec/json.ts";
import { parsePrevResult, parseResult } from "../../src/spec/parse_result.ts";
import { renderResult } from "../../src/spec/render_result.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";

/** A result, as a plugin printed it, in another version. */
const convert = (from: JsonObject, to: string): JsonObject =>
  Effect.runSync(Effect.flatMap(parseResult(from, ""), (result) => renderResult(result, to)));
const refuse = (from: JsonObject, to: string) =>
  Effect.runSync(Effect.flip(Effect.flatMap(parseResult(from, ""), (result) => renderResult(result, to))));

const since = (version: string): readonly string[] => VERSIONS.slice(VERSIONS.findIndex((one) => one === version));
const [OLD, MIDDLE, NEW] = [["0.1.0", "0.2.0"], ["0.3.0", "0.3.1", "0.4.0"], ["1.0.0", "1.1.0"]] as const;

const IP4_IP6 = {
  ip4: {
    ip: "10.1.0.7/24",
    gateway: "10.1.0.1",
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "10.9.0.0/16" }],
  },
  ip6: { ip: "fd00::7/64", gateway: "fd00::1", routes: [{ dst: "::/0" }] },
  dns: { nameservers: ["10.1.0.53"], domain: "lab.test", search: ["lab.test"], options: ["ndots:2"] },
};

/** Every attribute of a route, those that tell 0 from absence as 0. */
const ROUTE = { dst: "10.9.8.7/16", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 5, table: 0, scope: 0 };
const PLAIN = { name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/x" };
const EXTRAS = { mtu: 1500, socketPath: "/run/vhost.sock", pciID: "0000:04:00.5" };
const newest = (cniVersion: string) => ({
  cniVersion,
  interfaces: [{ name: "cni0" }, { ...PLAIN, ...EXTRAS }],
  ips: [{ address: "10.1.0.7/24", gateway: "10.1.0.1", interface: 1 }, { address: "fd00::7/64", interface: 0 }],
  routes: [ROUTE, { dst: "::/0" }],
  dns: IP4_IP6.dns,
});
const versioned = (cniVersion: string) => ({
  ...newest(cniVersion),
  interfaces: [{ name: "cni0" }, PLAIN],
  ips: [
    { version: "4", address: "10.1.0.7/24", gateway: "10.1.0.1", interface: 1 },
    { version: "6", address: "fd00::7/64", interface: 0 },
  ],
});

for (
  const [name, versions, of] of [
    [
      "[E27] between 0.1.0 and 0.2.0 only cniVersion changes",
      OLD,
      (cniVersion: string) => ({ cniVersion, ...IP4_IP6 }),
    ],
    ["[E28] between 0.3.0, 0.3.1 and 0.4.0 only cniVersion changes", MIDDLE, versioned],
    ["[E29, J104] between 1.0.0 and 1.1.0 only cniVersion changes", NEW, newest],
  ] as const
) {
  Deno.test(name, () => {
    for (const from of versions) {
      for (const to of versions) assert.deepEqual(convert(of(from), to), of(to), `${from} to ${to}`);
    }
  });
}

Deno.test("[E14, J101, J125] index, table and scope tell 0 from absence, other members do not, from 0.3.0 on", () => {
  const result = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "", mac: "", mtu: 0, sandbox: "" }],
    ips: [{ address: "10.1.0.7/24", gateway: "", interface: 0 }, { address: "10.1.0.8/24" }],
    routes: [{ dst: "0.0.0.0/0", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }, { dst: "::/0" }],
  };
  for (const version of since("0.3.0")) {
    const { interfaces, ips, routes } = convert(result, version);
    const family = version < "1.0.0" ? { version: "4" } : {};
    assert.deepEqual(interfaces, [{ name: "" }]);
    assert.deepEqual(ips, [{ ...family, interface: 0, address: "10.1.0.7/24" }, { ...family, address: "10.1.0.8/24" }]);
    assert.deepEqual(routes, [{ dst: "0.0.0.0/0", table: 0, scope: 0 }, { dst: "::/0" }]);
  }
});

Deno.test("[E13] members that say nothing are left out, names, addresses and destinations never", () => {
  const empty = { cniVersion: "1.0.0", interfaces: [], ips: [], routes: [], dns: { domain: "", search: [] } };
  assert.deepEqual(convert(empty, "1.0.0"), { cniVersion: "1.0.0" });
  assert.deepEqual(convert({ cniVersion: "0.4.0", ips: [] }, "0.3.1"), { cniVersion: "0.3.1", dns: {} });
  const least = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "" }],
    ips: [{ address: "::/0" }],
    routes: [{ dst: "::/0" }],
  };
  assert.deepEqual(convert(least, "1.1.0"), least);
});

Deno.test("[E30, E31, J100] 0.1.0 and 0.2.0 go up with their routes, IPv4 first, without interfaces and indexes", () => {
  const from = { cniVersion: "0.2.0", ...IP4_IP6, ip4: { ...IP4_IP6.ip4, routes: [ROUTE] } };
  for (const version of since("0.3.0")) {
    const family = (number: string) => version < "1.0.0" ? { version: number } : {};
    assert.deepEqual(convert(from, version), {
      cniVersion: version,
      ips: [
        { ...family("4"), address: "10.1.0.7/24", gateway: "10.1.0.1" },
        { ...family("6"), address: "fd00::7/64", gateway: "fd00::1" },
      ],
      routes: [ROUTE, { dst: "::/0" }],
      dns: IP4_IP6.dns,
    });
  }
});

Deno.test("[E32, J104] from 0.3.0 to 0.4.0 up, the version of an address goes, right, wrong or missing", () => {
  for (const from of MIDDLE) {
    for (const to of NEW) {
      const { interfaces, ips, routes } = convert(versioned(from), to);
      assert.deepEqual([interfaces, ips, routes], [[{ name: "cni0" }, PLAIN], newest(to).ips, newest(to).routes]);
      for (const version of [{}, { version: "6" }, { version: "x" }]) {
        const odd = { cniVersion: from, ips: [{ ...version, address: "10.0.0.2/8" }] };
        assert.deepEqual(convert(odd, to), { cniVersion: to, ips: [{ address: "10.0.0.2/8" }] });
      }
    }
  }
});

Deno.test("[E33, E38, J99, J104] from 1.x down to 0.3.0, interfaces lose what 1.1.0 added, routes lose nothing", () => {
  for (const from of NEW) for (const to of MIDDLE) assert.deepEqual(convert(newest(from), to), versioned(to));
  const mapped = convert({ cniVersion: "1.1.0", ips: [{ address: "::ffff:10.1.0.2/120" }] }, "0.4.0");
  assert.deepEqual(mapped.ips, [{ version: "4", address: "10.1.0.2/24" }]);
});

Deno.test("[E34, E35, J98, J99] down to 0.1.0 and 0.2.0, the first address of each family stays, and the routes of the families", () => {
  const more = ({ ips, ...result }: JsonObject & { readonly ips: readonly JsonObject[] }) => ({
    ...result,
    ips: [...ips, { version: "4", address: "10.2.0.7/24" }, { version: "6", address: "fd01::7/64" }],
  });
  for (const from of [more(newest("1.1.0")), more(versioned("0.4.0"))]) {
    for (const to of OLD) {
      assert.deepEqual(convert(from, to), {
        cniVersion: to,
        ip4: { ip: "10.1.0.7/24", gateway: "10.1.0.1", routes: [{ dst: ROUTE.dst, gw: ROUTE.gw }] },
        ip6: { ip: "fd00::7/64", routes: [{ dst: "::/0" }] },
        dns: IP4_IP6.dns,
      });
    }
  }
  const one = { cniVersion: "1.0.0", ips: [{ address: "fd00::7/64" }], routes: [{ dst: "0.0.0.0/0" }] };
  assert.deepEqual(convert(one, "0.2.0"), { cniVersion: "0.2.0", ip6: { ip: "fd00::7/64" }, dns: {} });
});

Deno.test("[E36, J102] nothing goes down to 0.1.0 or 0.2.0 without an address", () => {
  for (const cniVersion of since("0.3.0")) {
    const bare = { cniVersion, interfaces: [{ name: "eth0" }], routes: [{ dst: "0.0.0.0/0" }] };
    for (const to of OLD) assert.match(refuse(bare, to).msg, /it has no IP address/);
  }
});

Deno.test("[E37, J97, J100] 0.2.0 up and down again loses nothing, with next hops and without; no version asked means 0.1.0", () => {
  for (const gw of [{}, { gw: "10.1.0.1" }]) {
    const ip4 = { ip: "10.1.0.7/24", routes: [{ dst: "0.0.0.0/0", ...gw }] };
    const old = { cniVersion: "0.2.0", ip4, dns: {} };
    for (const via of since("0.3.0")) {
      assert.deepEqual(convert(convert(old, via), "0.2.0"), old);
      assert.deepEqual(convert(convert(old, via), ""), { ...old, cniVersion: "0.1.0" });
    }
  }
});

Deno.test("[E20, E21, J110] a prevResult is of the configuration's family, or refused with what would be accepted", () => {
  const families = [OLD, MIDDLE, NEW];
  for (const configVersion of VERSIONS) {
    const own = families.find((family) => family.some((version) => version === configVersion)) ?? [];
    for (const cniVersion of VERSIONS) {
      const exit = Effect.runSync(Effect.match(parsePrevResult({ cniVersion }, configVersion), {
        onSuccess: (result) => result.cniVersion,
        onFailure: ({ msg }) => msg,
      }));
      if (own.some((version) => version === cniVersion)) assert.equal(exit, cniVersion);
      else assert.match(exit, new RegExp(`"${cniVersion}" is not one of ${own.join(", ")}`.replaceAll(".", "\\.")));
    }
  }
});
