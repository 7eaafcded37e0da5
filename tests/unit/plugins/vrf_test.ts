/** ADD of the vrf plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { freeTables } from "../../../src/plugins/routing_tables.ts";
import { vrf } from "../../../src/plugins/vrf.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { address, conf, INTERFACE, link, machineOf, route, SECOND, vrfLink } from "../../support/vrf_case.ts";

const ROUTES = [
  "10.0.0.0/24 eth0",
  "10.10.0.0/16 via 10.0.0.1 eth0",
  "10.77.0.0/16 eth0",
  "fd01::/64 eth0",
  "fd10::/64 via fd01::1 eth0",
];
const SECOND_ROUTES = ["10.1.0.0/24 net1", "10.11.0.0/16 via 10.1.0.1 net1"];

for (const version of vrf.versions) {
  Deno.test(`[VR1, VR2, VR3, VR12, VR18, VR21] ${version}: the interface enters with all it has, DEL takes it out again`, async () => {
    const { run, link, routes, addresses, state } = machineOf();
    const before = state();
    const raw = conf("red", {}, "eth0", version);
    const made = result(await run("ADD", raw));
    assert.deepEqual(made.ips?.map(({ address }) => address), ["10.0.0.2/24"]);
    const { kind, up, vrfTable } = link("red") ?? {};
    assert.deepEqual({ kind, up, vrfTable }, { kind: "vrf", up: true, vrfTable: 1 });
    assert.equal(link("eth0")?.master, "red");
    assert.deepEqual(addresses("eth0"), ["10.0.0.2/24", "fd01::2/64"]);
    assert.deepEqual([routes(1), routes(254)], [ROUTES, []]);
    if (version >= "0.4.0") done(await run("CHECK", raw));
    for (const _ of [1, 2]) done(await run("DEL", { cniVersion: version, name: "net", type: "vrf" }));
    assert.deepEqual(state(), before);
  });
}

Deno.test("versions before 0.3.1, which have no interfaces to pass on, are not spoken", () => {
  assert.equal(vrf.versions[0], "0.3.1");
});

Deno.test("[VR4] another interface keeps its routes", async () => {
  const { run, routes } = machineOf([...INTERFACE, ...SECOND]);
  done(await run("ADD", conf("red")));
  assert.deepEqual([routes(1), routes(254)], [ROUTES, SECOND_ROUTES]);
});

Deno.test("[VR5] an interface that has another master is refused, naming it, and nothing is changed", async () => {
  const { run, ops } = machineOf([
    ...INTERFACE,
    { op: "link.create", on: "container", name: "br0", link: { kind: "bridge" } },
    { op: "link.set", on: "container", name: "eth0", set: { master: "br0" } },
  ]);
  assert.match(failure(await run("ADD", conf("red"))).msg, /"eth0" into VRF "red": it has "br0" as its master already/);
  assert.deepEqual(ops, []);
});

for (
  const [family, first, second] of [
    ["VR6, VR7, VR8", "10.5.0.2/24", "10.6.0.2/24"],
    ["VR9, VR10, VR11", "fd05::2/64", "fd06::2/64"],
  ] as const
) {
  const network = first.replace("2/", "0/").replace("::0", "::");
  for (
    const [where, other, addresses] of [
      ["one VRF", "red", [first, second]],
      ["two VRFs", "blue", [first, second]],
      ["two VRFs with one address", "blue", [first, first]],
    ] as const
  ) {
    Deno.test(`[${family}, VR13, VR17] two interfaces in ${where}, ${first}, deleted in either order`, async () => {
      for (const order of [["eth0", "net1"], ["net1", "eth0"]]) {
        const [one, two] = addresses;
        const { run, of, link: shown, routes, state } = machineOf([
          ...link("eth0"),
          ...link("net1"),
          address("eth0", one),
          address("net1", two),
        ]);
        const before = state();
        done(await run("ADD", conf("red"), of("eth0")));
        done(await run("ADD", conf(other, {}, "net1"), of("net1")));
        const tables = [shown("red")?.vrfTable, shown(other)?.vrfTable];
        assert.deepEqual(tables, other === "red" ? [1, 1] : [1, 2]);
        assert.ok(routes(1).includes(`${network} eth0`), `${routes(1)}`);
        assert.deepEqual([shown("eth0")?.master, shown("net1")?.master], ["red", other]);
        for (const ifName of order) {
          done(await run("CHECK", conf(ifName === "eth0" ? "red" : other, {}, ifName), of(ifName)));
        }
        const [earlier = "", later = ""] = order;
        done(await run("DEL", conf("red"), of(earlier)));
        const left = later === "eth0" ? "red" : other;
        assert.deepEqual([shown(left)?.kind, shown(later)?.master], ["vrf", left]);
        done(await run("DEL", conf("red"), of(later)));
        assert.deepEqual(state(), before);
      }
    });
  }
}

Deno.test("[VR14, VR15, VR16] tables: the VRF's own, another VRF's, and another than the VRF has", async () => {
  const { run, of, link: shown } = machineOf([...INTERFACE, ...SECOND, ...link("net2")]);
  done(await run("ADD", conf("red", { table: 42 })));
  done(await run("ADD", conf("red", { table: 42 }, "net1"), of("net1")));
  const { msg, details = "" } = failure(await run("ADD", conf("red", { table: 43 }, "net2"), of("net2")));
  assert.match(`${msg}; ${details}`, /"table" 43: VRF "red" is there already, with table 42; leave out "table"/);
  done(await run("ADD", conf("blue", { table: 42 }, "net2"), of("net2")));
  assert.deepEqual([shown("red")?.vrfTable, shown("blue")?.vrfTable], [42, 42]);
});

Deno.test("[VR19, VR20] the first table is chosen that no VRF, rule or route uses, and that is none of the kernel's", async () => {
  const { run, link: shown } = machineOf([
    ...INTERFACE,
    ...SECOND,
    vrfLink("one", 1),
    vrfLink("four", 4),
    route("net1", "10.9.0.0/16", { table: 2 }),
    { op: "rule.add", on: "container", from: "10.1.0.2/32", table: 3, priority: 9 },
  ]);
  done(await run("ADD", conf("red")));
  assert.equal(shown("red")?.vrfTable, 5);
});

Deno.test("[VR19, VR21, VR22] the search for a table, by numbers", () => {
  const upTo = (last: number) => new Set(Array.from({ length: last }, (_, at) => at + 1));
  assert.deepEqual(freeTables(new Set(), 1, 2), [1, 2]);
  assert.deepEqual(freeTables(new Set([1, 3]), 1, 2), [2, 4]);
  assert.deepEqual(freeTables(upTo(999), 1, 1), [1000]);
  assert.deepEqual(freeTables(upTo(252), 1, 1), [256]);
});

Deno.test("a configuration that cannot be carried out is refused before anything is changed", async () => {
  const { run, ops } = machineOf([...INTERFACE, ...link("net1")]);
  const cases: [JsonObject, RegExp][] = [
    [conf(""), /"vrfname"/],
    [conf("a-name-of-16-byte"), /"vrfname"/],
    [conf("eth0"), /"vrfname" "eth0": the interface itself has that name/],
    [conf("net1"), /"vrfname" "net1": a link of that name is there, of kind "veth"/],
    [conf("red", { table: -1 }), /table/],
    [conf("red", { table: 254 }), /"table" 254: it is the kernel's own/],
    [{ cniVersion: "1.1.0", name: "net", type: "vrf", vrfname: "red" }, /must be called as chained plugin/],
    [{ cniVersion: "1.1.0", name: "net", type: "vrf" }, /vrfname/],
  ];
  for (const [raw, words] of cases) assert.match(failure(await run("ADD", raw)).msg, words);
  const change = { key: { network: "net", containerId: "c1", ifName: "net7" } };
  assert.match(failure(await run("ADD", conf("red", {}, "net7"), change)).msg, /there is no such link/);
  assert.deepEqual(ops, []);
});

Deno.test("a kernel without VRFs is named as the reason, and the interface is as it was", async () => {
  const { run, state } = machineOf(INTERFACE, { missing: ["vrf"] });
  const before = state();
  const { code, msg } = failure(await run("ADD", conf("red")));
  assert.deepEqual([code, /no links of kind "vrf" \(EOPNOTSUPP\)/.test(msg)], [50, true], msg);
  assert.deepEqual(state(), before);
});

Deno.test("a VRF that the user has made is shared in, and outlives its members", async () => {
  const { run, state, link: shown } = machineOf([...INTERFACE, vrfLink("red", 9)]);
  const before = state();
  done(await run("ADD", conf("red")));
  assert.deepEqual([shown("eth0")?.master, shown("red")?.vrfTable], ["red", 9]);
  done(await run("DEL", conf("red")));
  assert.deepEqual(state(), before);
});

Deno.test("an interface that is in the VRF already is left as it is, by ADD and by its DEL", async () => {
  const inside: KernelOp = { op: "link.set", on: "container", name: "eth0", set: { master: "red" } };
  const { run, ops } = machineOf([...link("eth0"), vrfLink("red", 9), inside]);
  done(await run("ADD", conf("red")));
  done(await run("CHECK", conf("red")));
  assert.deepEqual(ops, []);
  assert.match(
    failure(
      await run("ADD", conf("red", { table: 8 }), {
        key: { network: "net2", containerId: "c1", ifName: "eth0" },
      }),
    ).msg,
    /already, with table 9/,
  );
});

Deno.test("who makes a VRF with the same name, or the same table, at the same moment is got on with", async () => {
  for (const rival of [vrfLink("red", 1), vrfLink("blue", 1)]) {
    const { run, machine, drift, link: shown } = machineOf();
    let isFirst = true;
    machine.kernel.onApply((op, phase) => {
      if (op.op !== "link.create" || phase !== "before" || !isFirst) return;
      isFirst = false;
      drift(rival);
    });
    done(await run("ADD", conf("red")));
    assert.equal(shown("eth0")?.master, "red");
    assert.equal(shown("red")?.vrfTable, rival.op === "link.create" && rival.name === "red" ? 1 : 2);
  }
});

Deno.test("routes of other tables stay in theirs; those of routers are not touched", async () => {
  const { run, routes, ops } = machineOf([
    ...INTERFACE,
    route("eth0", "10.20.0.0/16", { gw: "10.0.0.1", table: 5000 }),
    route("eth0", "fd20::/64", { gw: "fe80::1", protocol: 9 }),
  ]);
  done(await run("ADD", conf("red")));
  assert.deepEqual([routes(5000), routes(1)], [["10.20.0.0/16 via 10.0.0.1 eth0"], ROUTES]);
  assert.ok(!ops.some((op) => op.op === "route.remove" && op.dst.startsWith("fd20")));
});

Deno.test("an IPv6 default route that the kernel takes turns with enters the VRF, and comes back", async () => {
  const { run, routes } = machineOf([
    ...INTERFACE,
    ...SECOND,
    address("net1", "fd02::2/64"),
    route("net1", "::/0", { gw: "fd02::1" }),
    route("eth0", "::/0", { gw: "fd01::1" }),
  ]);
  const before = routes(254);
  done(await run("ADD", conf("red")));
  assert.ok(routes(1).includes("::/0 via fd01::1 eth0"), routes(1).join(", "));
  assert.ok(routes(254).includes("::/0 via fd02::1 net1"));
  done(await run("CHECK", conf("red")));
  done(await run("DEL", conf("red")));
  assert.deepEqual(routes(254), before);
});

Deno.test("an address that will end, or brings no route, comes back so", async () => {
  const lifetime = { preferred: 60, valid: 90 };
  const mine: KernelOp = {
    op: "address.add",
    on: "container",
    link: "eth0",
    address: "fd02::2/64",
    lifetime,
    noPrefixRoute: true,
  };
  const { run, ops } = machineOf([...INTERFACE, mine]);
  done(await run("ADD", conf("red")));
  const again = ops.find((op) => op.op === "address.add" && op.address === "fd02::2/64");
  assert.deepEqual(again, { ...mine, ...(again !== undefined && "noDad" in again ? { noDad: true } : {}) });
});
