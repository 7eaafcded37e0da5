import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { HostLocalConfig } from "../../../src/plugins/host_local_config.ts";
import { reservations } from "../../../src/plugins/host_local_request.ts";
import { parseArgs } from "../../../src/spec/args.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { Refused } from "../../../src/spec/failure.ts";
import type { JsonObject } from "../../../src/spec/json.ts";

const key = { network: "mynet", containerId: "c1", ifName: "eth0" };

const attempt = (conf: JsonObject, args = "", cniVersion = "1.1.0") =>
  Effect.gen(function* () {
    const config = yield* decodeConfig(HostLocalConfig, conf);
    const parsed = yield* parseArgs(args);
    return yield* reservations({ key, netns: null, config, raw: conf, cniVersion, args: parsed, prevResult: null });
  });

const ipam = (keys: JsonObject): JsonObject => ({ ipam: { type: "host-local", ...keys } });
const oneRange = (range: JsonObject) => ipam({ ranges: [[range]] });
const reserve = (conf: JsonObject, args?: string, version?: string) => Effect.runSync(attempt(conf, args, version));
const refused = (conf: JsonObject, args?: string, version?: string): Refused =>
  Effect.runSync(Effect.flip(attempt(conf, args, version)));
const onlyRange = (conf: JsonObject) => reserve(conf)[0]?.ranges[0];

Deno.test("[HL31] default range of an IPv4 /24, an IPv4 /25 and an IPv6 /64", () => {
  assert.deepEqual(onlyRange(oneRange({ subnet: "192.0.2.0/24" })), {
    subnet: "192.0.2.0/24",
    rangeStart: "192.0.2.1",
    rangeEnd: "192.0.2.254",
    gateway: "192.0.2.1",
  });
  assert.deepEqual(onlyRange(oneRange({ subnet: "192.0.2.0/25" })), {
    subnet: "192.0.2.0/25",
    rangeStart: "192.0.2.1",
    rangeEnd: "192.0.2.126",
    gateway: "192.0.2.1",
  });
  assert.deepEqual(onlyRange(oneRange({ subnet: "2001:DB8:1::/64" })), {
    subnet: "2001:db8:1::/64",
    rangeStart: "2001:db8:1::1",
    rangeEnd: "2001:db8:1:0:ffff:ffff:ffff:ffff",
    gateway: "2001:db8:1::1",
  });
});

Deno.test("[HL35] explicit start, end and gateway are kept, also network and broadcast", () => {
  const range = { subnet: "192.0.2.0/24", rangeStart: "192.0.2.0", rangeEnd: "192.0.2.255", gateway: "192.0.2.99" };
  assert.deepEqual(onlyRange(oneRange(range)), range);
});

Deno.test("[HL32] host bits are refused, and the message names the set and the right network", () => {
  const cases = [
    ["192.0.2.12/24", "192.0.2.0/24"],
    ["2001:db8:1::24:19/64", "2001:db8:1::/64"],
    ["192.168.127.0/23", "192.168.126.0/23"],
    ["2001:db8:2:7::/63", "2001:db8:2:6::/63"],
  ] as const;
  for (const [subnet, network] of cases) {
    const { code, msg } = refused(ipam({ ranges: [[{ subnet: "10.9.0.0/16" }], [{ subnet }]] }));
    assert.equal(code, 7);
    assert.ok(
      msg.includes("range set 1") && msg.includes('"ipam.ranges[1][0].subnet"') && msg.endsWith(network),
      msg,
    );
  }
});

Deno.test("[HL33] subnets with no room for a container are refused", () => {
  for (const subnet of ["192.0.2.0/31", "192.0.2.0/32", "2001:db8::/127"]) {
    assert.match(refused(oneRange({ subnet })).msg, /too small/);
  }
  reserve(oneRange({ subnet: "192.0.2.0/30" }));
  reserve(oneRange({ subnet: "2001:db8::/126" }));
});

Deno.test("[HL34] start outside, end outside, start after end", () => {
  const subnet = "192.0.2.0/24";
  assert.match(refused(oneRange({ subnet, rangeStart: "192.0.3.0" })).msg, /rangeStart" 192\.0\.3\.0 is not in/);
  assert.match(refused(oneRange({ subnet, rangeEnd: "192.0.4.0" })).msg, /rangeEnd" 192\.0\.4\.0 is not in/);
  assert.match(refused(oneRange({ subnet, rangeStart: "2001:db8::1" })).msg, /rangeStart"/);
  assert.match(
    refused(oneRange({ subnet, rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" })).msg,
    /rangeStart" 192\.0\.2\.50 is after/,
  );
});

Deno.test("a gateway outside of its subnet is refused, naming both", () => {
  for (const gateway of ["198.51.100.1", "2001:db8::1"]) {
    const { msg } = refused(oneRange({ subnet: "192.0.2.0/24", gateway }));
    assert.ok(msg.endsWith(`gateway" ${gateway} is not in 192.0.2.0/24`), msg);
  }
});

Deno.test("[HL37, HL39, HL47] overlapping ranges within a set are refused with both spans", () => {
  const overlapping = [
    [{ subnet: "192.0.2.0/24" }, { subnet: "192.0.2.0/24" }],
    [{ subnet: "192.0.0.0/20" }, { subnet: "192.0.2.0/24" }],
    [{ subnet: "192.0.2.0/24", rangeEnd: "192.0.2.50" }, { subnet: "192.0.2.0/24", rangeStart: "192.0.2.50" }],
  ];
  for (const set of overlapping) assert.match(refused(ipam({ ranges: [set] })).msg, /range set 0.*overlapping/);
  assert.match(refused(ipam({ ranges: [overlapping[0] ?? []] })).msg, /192\.0\.2\.1-192\.0\.2\.254 and 192\.0\.2\.1/);
});

Deno.test("[HL37] one subnet split by start and end, and disjoint subnets, do not overlap", () => {
  const set = [
    { subnet: "192.0.2.0/24", rangeEnd: "192.0.2.50" },
    { subnet: "192.0.2.0/24", rangeStart: "192.0.2.51" },
    { subnet: "192.0.3.0/24" },
  ];
  assert.equal(reserve(ipam({ ranges: [set] }))[0]?.ranges.length, 3);
});

Deno.test("[HL40, HL46] overlap between sets is refused both ways, naming both", () => {
  const [wide, narrow] = [[{ subnet: "10.1.0.0/16" }], [{ subnet: "10.1.2.0/24" }]];
  for (const ranges of [[wide, narrow], [narrow, wide]]) {
    assert.match(refused(ipam({ ranges })).msg, /range sets 0 \("ipam\.ranges\[0\]"\) and 1 \("ipam\.ranges\[1\]"\)/);
  }
});

Deno.test("[HL48] both families in one set are refused", () => {
  assert.match(refused(ipam({ ranges: [[{ subnet: "10.1.0.0/16" }, { subnet: "fd00::/64" }]] })).msg, /IPv4 and IPv6/);
});

Deno.test("[HL49, HL50] before 0.3.0: two sets of one family are refused, one of each is fine", () => {
  const two = ipam({ ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "10.2.0.0/16" }]] });
  for (const version of ["0.1.0", "0.2.0"]) assert.match(refused(two, "", version).msg, /2 IPv4 addresses/);
  assert.equal(reserve(two, "", "0.3.0").length, 2);
  assert.equal(
    reserve(ipam({ ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "fd00::/64" }]] }), "", "0.2.0").length,
    2,
  );
});

Deno.test("[F1, F4, HL41, HL42, HL43] the old form, and sets in the order runtime, old form, ranges", () => {
  const conf = {
    ...ipam({
      subnet: "10.1.2.0/24",
      rangeStart: "10.1.2.9",
      gateway: "10.1.2.30",
      ranges: [[{ subnet: "11.1.2.0/24" }]],
    }),
    runtimeConfig: { ipRanges: [[{ subnet: "12.1.3.0/24" }]] },
  };
  const reserves = reserve(conf);
  assert.deepEqual(reserves.map(({ ranges }) => ranges[0]?.subnet), ["12.1.3.0/24", "10.1.2.0/24", "11.1.2.0/24"]);
  assert.deepEqual(reserves.map(({ set }) => set), [0, 1, 2]);
  assert.deepEqual(reserves[1]?.ranges[0], {
    subnet: "10.1.2.0/24",
    rangeStart: "10.1.2.9",
    rangeEnd: "10.1.2.254",
    gateway: "10.1.2.30",
  });
});

Deno.test("no range at all, an empty set and no ipam are refused", () => {
  assert.match(refused(ipam({})).msg, /"ipam" has no range/);
  assert.match(refused(ipam({ rangeStart: "10.0.0.1" })).msg, /"ipam" has no range/, "without subnet it is ignored");
  assert.match(refused(ipam({ ranges: [[]] })).msg, /range set 0: "ipam\.ranges\[0\]" has no range/);
  assert.match(refused({}).msg, /"ipam": it is missing/);
  assert.match(refused(ipam({ ranges: [[{ rangeStart: "10.0.0.1" }]] })).msg, /"ipam\.ranges\[0\]\[0\]\.subnet"/);
});

Deno.test("the pool is <dataDir>/<network>; a relative dataDir is refused", () => {
  const subnet = "10.1.0.0/16";
  assert.equal(reserve(ipam({ subnet }))[0]?.pool, "/var/lib/cni/networks/mynet");
  assert.equal(reserve(ipam({ subnet, dataDir: "" }))[0]?.pool, "/var/lib/cni/networks/mynet");
  assert.equal(reserve(ipam({ subnet, dataDir: "/run/leases/" }))[0]?.pool, "/run/leases/mynet");
  assert.match(refused(ipam({ subnet, dataDir: "leases" })).msg, /"ipam\.dataDir": "leases"/);
});

const TWO_SETS = ipam({
  ranges: [[{ subnet: "10.1.0.0/16" }, { subnet: "10.2.0.0/16" }], [{ subnet: "fd00::/64" }]],
});
const wants = (conf: JsonObject, args?: string) => reserve(conf, args).map(({ want }) => want);

Deno.test("[F17, HL44] CNI_ARGS IP with and without prefix; an empty one is none", () => {
  assert.deepEqual(wants(TWO_SETS, "IP=10.1.0.9"), ["10.1.0.9", undefined]);
  assert.deepEqual(wants(TWO_SETS, "IP=10.1.0.9/16"), ["10.1.0.9", undefined]);
  assert.deepEqual(wants(TWO_SETS, "IP="), [undefined, undefined]);
  assert.match(refused(TWO_SETS, "IP=10.1.0").msg, /CNI_ARGS "IP": "10\.1\.0"/);
});

Deno.test("[F1, F7, F14, F15, HL8, HL9, HL10, HL45, HL51] wanted addresses of args and runtimeConfig go to the sets that have them", () => {
  assert.deepEqual(wants({ ...TWO_SETS, args: { cni: { ips: ["FD00::9/64"] } } }, "IP=10.2.0.9"), [
    "10.2.0.9",
    "fd00::9",
  ]);
  assert.deepEqual(wants({ ...TWO_SETS, runtimeConfig: { ips: ["10.2.0.8/16", "fd00::8"] } }), ["10.2.0.8", "fd00::8"]);
});

Deno.test("the same address wanted twice counts once", () => {
  assert.deepEqual(wants({ ...TWO_SETS, args: { cni: { ips: ["10.1.0.9"] } } }, "IP=10.1.0.9/24"), [
    "10.1.0.9",
    undefined,
  ]);
});

Deno.test("[HL11, HL38] wanted addresses nobody can give are refused by name, before anything is reserved", () => {
  for (const ips of [["192.0.2.9"], ["10.1.0.9", "192.0.2.9"], ["192.0.2.9", "10.2.0.1", "10.1.0.9"]]) {
    const left = ips.length === 3 ? /has 192\.0\.2\.9, 10\.1\.0\.9 to give/ : /has 192\.0\.2\.9 to give/;
    assert.match(refused({ ...TWO_SETS, args: { cni: { ips } } }).msg, left);
  }
});

Deno.test("[B25] list entries that are no address, and unknown CNI_ARGS, are refused", () => {
  for (const ip of ["", "nonsense", "10.0.0.0.1"]) {
    assert.match(refused({ ...TWO_SETS, args: { cni: { ips: [ip] } } }).msg, /"args\.cni\.ips\[0\]"/);
  }
  assert.equal(refused(TWO_SETS, "MAC=02:00:00:00:00:01").code, 4);
  reserve(TWO_SETS, "MAC=02:00:00:00:00:01;IgnoreUnknown=1");
});
