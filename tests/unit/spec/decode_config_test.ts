import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as Piece from "../../../src/spec/config_schema.ts";
import { quote } from "../../../src/spec/conf_fault.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { JsonObject } from "../../../src/spec/json.ts";

const Conf = Schema.Struct({
  bridge: Piece.stringOr("cni0"),
  isGateway: Piece.Flag,
  vlan: Piece.intOr(0, 0, 4094),
  ipam: Schema.Struct({
    subnet: Piece.OptionalCidr,
    ranges: Piece.listOf(Piece.RangeSetConfig),
    routes: Piece.listOf(Piece.RouteConfig),
  }),
  mac: Piece.OptionalMac,
  dns: Schema.optionalKey(Piece.DnsConfig),
});

const decode = (raw: JsonObject) => Effect.runSync(decodeConfig(Conf, raw));
const refuse = (raw: JsonObject) => Effect.runSync(Effect.flip(decodeConfig(Conf, raw)));

Deno.test("absent keys take their defaults, unknown ones are dropped", () => {
  assert.deepEqual(decode({ ipam: {}, bogus: 1 }), {
    bridge: "cni0",
    isGateway: false,
    vlan: 0,
    ipam: { ranges: [], routes: [] },
  });
});

Deno.test("[A6, I1, J123] keys match whatever their case, null leaves the default", () => {
  const config = decode({ Bridge: "br1", IsGateway: true, VLAN: null, IPAM: { Routes: [{ DST: "0.0.0.0/0" }] } });
  assert.equal(config.bridge, "br1");
  assert.equal(config.isGateway, true);
  assert.equal(config.vlan, 0);
  assert.deepEqual(config.ipam.routes, [{ dst: "0.0.0.0/0" }]);
});

Deno.test("addresses come out canonical, empty ones as absent", () => {
  const { ipam, mac } = decode({
    mac: "0A-58-0A-01-02-03",
    ipam: {
      subnet: "",
      ranges: [[{ subnet: "FD00:0::/64", rangeStart: "fd00::0A", rangeEnd: "", gateway: "fd00:0:0::1" }]],
      routes: [{ dst: "::ffff:10.0.0.0/104", gw: "" }],
    },
  });
  assert.equal(mac, "0a:58:0a:01:02:03");
  assert.deepEqual(ipam, {
    ranges: [[{ subnet: "fd00::/64", rangeStart: "fd00::a", gateway: "fd00::1" }]],
    routes: [{ dst: "10.0.0.0/8" }],
  });
});

Deno.test("a fault names the dotted path, the value and what would be right", () => {
  const faults: readonly (readonly [JsonObject, RegExp])[] = [
    [
      { ipam: { subnet: "10.1.0.0/33" } },
      /^Cannot use "ipam\.subnet": "10\.1\.0\.0\/33" is not an address with a prefix/,
    ],
    [{ ipam: {}, isGateway: "true" }, /^Cannot use "isGateway": "true" is not a boolean$/],
    [{ ipam: {}, Vlan: 4095 }, /^Cannot use "vlan": 4095 is not a whole number from 0 to 4094$/],
    [{ ipam: {}, vlan: 1.5 }, /^Cannot use "vlan": 1\.5 is not an integer$/],
    [
      { ipam: { ranges: [[{ subnet: "10.0.0.0/8" }, {}]] } },
      /^Cannot use "ipam\.ranges\[0\]\[1\]\.subnet": it is missing, it must be an address with a prefix length/,
    ],
    [{ ipam: [] }, /^Cannot use "ipam": \[\] is not an object$/],
    [{}, /^Cannot use "ipam": it is missing$/],
    [{ ipam: {}, mac: "x" }, /^Cannot use "mac": "x" is not an Ethernet address/],
  ];
  for (const [raw, message] of faults) {
    const refused = refuse(raw);
    assert.equal(refused.code, 7);
    assert.match(refused.msg, message);
  }
});

Deno.test("all faults are reported: the first as msg, the others in details", () => {
  const refused = refuse({ vlan: "x", isGateway: 1, ipam: { subnet: 7 } });
  assert.match(refused.msg, /"isGateway": 1/);
  assert.match(refused.details ?? "", /"vlan": "x".*; .*"ipam\.subnet": 7/);
});

Deno.test("quoted values are cut to 80 characters", () => {
  assert.equal(quote("x".repeat(200)).length, 80);
  assert.equal(quote({ a: [1] }), '{"a":[1]}');
});
