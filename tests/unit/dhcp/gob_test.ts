/** The calls between plugin and daemon, byte for byte as Go's net/rpc has been seen to write them. */
import assert from "node:assert/strict";
import { GobDecoder, nextMessage } from "../../../src/effects/dhcp/gob/decode.ts";
import { GobEncoder, type GobRecord, type GobStruct, type GobValue } from "../../../src/effects/dhcp/gob/encode.ts";
import { GobBytes, GobFault, writeInt, writeUint } from "../../../src/effects/dhcp/gob/number.ts";
import {
  argsIn,
  argsRecord,
  type DhcpGrant,
  grantIn,
  grantRecord,
  leasesIn,
  leasesRecord,
} from "../../../src/effects/dhcp/rpc.ts";
import { ARGS, EMPTY, LEASES, REQUEST, RESPONSE, RESULT } from "../../../src/effects/dhcp/rpc_types.ts";

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));

const REQUEST_TYPE = "2fff81030101075265717565737401ff82000102010d536572766963654d6574686f64010c0001035365710106000000";
const RESPONSE_TYPE =
  "3aff8103010108526573706f6e736501ff82000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c000000";
const ALLOCATE = "12ff82010d444843502e416c6c6f6361746500";
const RELEASE = "11ff82010c444843502e52656c6561736500";
const ARGS_TYPE =
  `6cff8303010107436d644172677301ff84000107010b436f6e7461696e65724944010c0001054e65746e73010c00010649664e616d6501
  0c00010441726773010c00010450617468010c00010d4e65746e734f76657272696465010c000109537464696e44617461010a000000`;
const RESULT_TYPES = `
51ff8303010106526573756c7401ff84000105010a434e4956657273696f6e010c00010a496e746572666163657301ff8800010349507301ff8e000106526f7574657301ff92000103444e5301ff94000000
24ff87020101155b5d2a74797065733130302e496e7465726661636501ff880001ff860000
4aff85030102ff8600010601044e616d65010c0001034d6163010c0001034d7475010400010753616e64626f78010c00010a536f636b657450617468010c0001055063694944010c000000
23ff8d020101145b5d2a74797065733130302e4950436f6e66696701ff8e0001ff8a0000
33ff89030102ff8a0001030109496e7465726661636501040001074164647265737301ff8c00010747617465776179010a000000
23ff8b0301010549504e657401ff8c00010201024950010a0001044d61736b010a000000
1dff910201010e5b5d2a74797065732e526f75746501ff920001ff900000
50ff8f030102ff90000107010344737401ff8c0001024757010a0001034d545501040001064164764d535301040001085072696f7269747901040001055461626c65010400010553636f70650104000000
46ff9303010103444e5301ff94000104010b4e616d657365727665727301ff96000106446f6d61696e010c00010653656172636801ff960001074f7074696f6e7301ff96000000
16ff95020101085b5d737472696e6701ff9600010c0000`;
const RESULT_VALUE =
  "35ff840301020104c0a801050104ffffff00000104c0a8010100010101010400000000010400000000000104c0a80101036400010000";

const GRANT: DhcpGrant = {
  ips: [{ address: "192.168.1.5/24", gateway: "192.168.1.1" }],
  routes: [{ dst: "0.0.0.0/0", gw: "192.168.1.1", priority: 50 }],
};

/** All values of a stream. */
function valuesOf(bytes: Uint8Array): GobValue[] {
  const decoder = new GobDecoder();
  const values: GobValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const found = nextMessage(bytes, at);
    assert.ok(found !== null, `a message is cut at ${at}`);
    const value = decoder.decode(found.message);
    if (value !== null) values.push(value);
    at = found.next;
  }
  return values;
}

const record = (value: GobValue | undefined): GobRecord => {
  assert.ok(typeof value === "object" && !Array.isArray(value));
  return value as GobRecord;
};

Deno.test("a call is written as Go writes it: head and arguments, each after its type", () => {
  const encoder = new GobEncoder();
  const head = encoder.encode(REQUEST, { ServiceMethod: "DHCP.Allocate", Seq: 0 });
  assert.equal(head.toHex(), hex(REQUEST_TYPE + ALLOCATE).toHex());
  const call = { containerId: "c1", netns: "/var/run/netns/test", ifName: "eth0", args: "", path: "/opt/cni/bin:/x/y" };
  const args = encoder.encode(ARGS, argsRecord({ ...call, stdin: "x".repeat(118) }));
  const type = hex(ARGS_TYPE);
  assert.equal(args.subarray(0, type.length).toHex(), type.toHex());
  const value = args.subarray(type.length);
  assert.equal(value.subarray(0, 12).toHex(), "ffad" + "ff84" + "01026331" + "0113" + "2f76");
  assert.deepEqual(argsIn(record(valuesOf(args)[0])), { ...call, stdin: "x".repeat(118) });
  assert.equal(encoder.encode(REQUEST, { ServiceMethod: "DHCP.Release" }).toHex(), RELEASE, "no type is defined twice");
});

Deno.test("the answer to Allocate is written as Go writes it", () => {
  const encoder = new GobEncoder();
  const head = encoder.encode(RESPONSE, { ServiceMethod: "DHCP.Allocate" });
  assert.equal(head.toHex(), hex(RESPONSE_TYPE + ALLOCATE).toHex());
  assert.equal(encoder.encode(RESULT, grantRecord(GRANT)).toHex(), hex(RESULT_TYPES + RESULT_VALUE).toHex());
});

Deno.test("what Go answers to Allocate is read: addresses, routes and their numbers", () => {
  const [head, result] = valuesOf(hex(RESPONSE_TYPE + ALLOCATE + RESULT_TYPES + RESULT_VALUE));
  assert.deepEqual(head, { ServiceMethod: "DHCP.Allocate" });
  assert.deepEqual(grantIn(record(result)), GRANT);
});

Deno.test("an error is read with the empty struct behind it, and written so", () => {
  const failed = "21ff82010d444843502e416c6c6f63617465020d6e6f206d6f726520747269657300";
  const [head, body] = valuesOf(hex(`${RESPONSE_TYPE}${failed}0aff83030102ff8400000003ff8400`));
  assert.deepEqual([head, body], [{ ServiceMethod: "DHCP.Allocate", Error: "no more tries" }, {}]);
  const encoder = new GobEncoder();
  const ours = encoder.encode(RESPONSE, { ServiceMethod: "DHCP.Allocate", Error: "no more tries" });
  assert.equal(ours.toHex(), RESPONSE_TYPE + failed);
  assert.equal(encoder.encode(EMPTY, {}).toHex(), "0aff97030102ff9800000003ff9800");
});

Deno.test("a whole grant survives the way: DNS, an on-link route, 16-byte addresses", () => {
  const grant: DhcpGrant = {
    ips: [{ address: "10.9.0.7/13" }],
    routes: [{ dst: "10.0.0.0/8", scope: 253 }, { dst: "192.0.2.0/24", gw: "10.9.0.1" }],
    dns: { nameservers: ["10.9.0.1"], domain: "lab.example", search: ["a.example", "b.example"] },
  };
  assert.deepEqual(grantIn(record(valuesOf(new GobEncoder().encode(RESULT, grantRecord(grant)))[0])), grant);
  const mapped = Uint8Array.of(...new Uint8Array(10), 255, 255, 10, 9, 0, 7);
  const mask = Uint8Array.of(255, 255, 255, 0);
  assert.deepEqual(grantIn({ IPs: [{ Address: { IP: mapped, Mask: mask } }] }).ips, [{ address: "10.9.0.7/24" }]);
});

Deno.test("leases that the daemon tells of survive the way", () => {
  const leases = [{ containerId: "c1", ifName: "eth0", address: "10.9.0.7/13" }, {
    containerId: "c2",
    ifName: "net1",
    address: "10.9.0.8/13",
  }];
  assert.deepEqual(leasesIn(record(valuesOf(new GobEncoder().encode(LEASES, leasesRecord(leases)))[0])), leases);
});

Deno.test("a stream that comes byte by byte is read when a message is whole, and not before", () => {
  const bytes = hex(REQUEST_TYPE + ALLOCATE);
  for (let length = 0; length < 0x30; length++) assert.equal(nextMessage(bytes.subarray(0, length), 0), null);
  assert.equal(nextMessage(bytes, 0)?.next, 0x30);
});

Deno.test("maps, booleans, own encodings and lone values of other programs are read", () => {
  // A map[string]int of type 65, a type that encodes itself, and a bool.
  assert.deepEqual(valuesOf(hex("0eff81040102ff8200010c01040000 07ff820001016105")), [[["a", -3]]]);
  assert.deepEqual(valuesOf(hex("0aff81050102ff82000000 06ff8200027879")), [Uint8Array.of(0x78, 0x79)]);
  assert.deepEqual(valuesOf(hex("03 02 00 01")), [true]);
});

Deno.test("numbers of every length are read as they were written", () => {
  for (
    const value of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 48 + 5, Number.MAX_SAFE_INTEGER]
  ) {
    const out: number[] = [];
    writeUint(out, value);
    assert.equal(new GobBytes(Uint8Array.from(out)).uint(), value);
  }
  for (const value of [0, -1, 1, -65, 64, -(2 ** 31), 2 ** 40]) {
    const out: number[] = [];
    writeInt(out, value);
    assert.equal(new GobBytes(Uint8Array.from(out)).int(), value);
  }
});

Deno.test.each([
  ["a type that is not defined", "03ff8400"],
  ["a number of nine bytes", "02f701"],
  ["more bytes than there are", "050c000a6161"],
  ["a field that the struct has not", `${REQUEST_TYPE}04ff820900`],
  ["a message of a gigabyte", "fc40000000"],
])("what is no gob is refused: %s", (_, text) => {
  assert.throws(() => valuesOf(hex(text)), GobFault);
});

Deno.test("a value of another type than its field is a defect", () => {
  const type: GobStruct = { id: 65, name: "T", fields: [["A", "int"]] };
  assert.throws(() => new GobEncoder().encode(type, { A: "text" }), TypeError);
});
