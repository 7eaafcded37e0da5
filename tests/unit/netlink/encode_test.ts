import assert from "node:assert/strict";
import { attributesOf, readUint } from "../../../src/effects/kernel/linux/netlink/message.ts";
import { encodeAddress } from "../../../src/effects/kernel/linux/rtnetlink/address.ts";
import { encodeCreate, encodeSet } from "../../../src/effects/kernel/linux/rtnetlink/link.ts";
import { encodeNeighbour } from "../../../src/effects/kernel/linux/rtnetlink/neighbour.ts";
import { encodePort } from "../../../src/effects/kernel/linux/rtnetlink/port.ts";
import { encodeRoute } from "../../../src/effects/kernel/linux/rtnetlink/route.ts";
import { encodeRule } from "../../../src/effects/kernel/linux/rtnetlink/rule.ts";
import { decodeVlans, encodeVlans } from "../../../src/effects/kernel/linux/rtnetlink/vlan.ts";

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Attributes as "type=payload in hex", the payload without padding. */
const shown = (bytes: Uint8Array): string[] =>
  [...attributesOf(bytes)].map(([type, payload]) => `${type}=${hex(payload)}`);

const inside = (bytes: Uint8Array, ...path: readonly number[]): Uint8Array =>
  path.reduce((run, type) => {
    for (const [found, payload] of attributesOf(run)) if (found === type) return payload;
    return assert.fail(`no attribute ${type}`);
  }, bytes);

Deno.test("a veth says everything of both ends, and only the near end goes up", () => {
  const body = encodeCreate(
    {
      op: "link.create",
      on: "host",
      name: "v0",
      link: { kind: "veth", peer: { on: "container", name: "eth0", mtu: 1400, mac: "02:00:00:00:00:0a" } },
      mtu: 1500,
      mac: "02:00:00:00:00:0b",
      up: true,
    },
    { master: 9, peerNetns: 11 },
  );
  assert.equal(hex(body.subarray(0, 16)), "00000000000000000100000001000000");
  assert.deepEqual(shown(body.subarray(16)).slice(0, 4), ["3=763000", "4=dc050000", "1=02000000000b", "10=09000000"]);
  const info = inside(body.subarray(16), 18);
  assert.equal(shown(info)[0], "1=7665746800");
  const peer = inside(info, 2, 1);
  assert.equal(hex(peer.subarray(0, 16)), "00".repeat(16));
  assert.deepEqual(shown(peer.subarray(16)), ["3=6574683000", "4=78050000", "1=02000000000a", "28=0b000000"]);
});

Deno.test("a veth within one namespace names no other, and nothing is said that was not asked for", () => {
  const peer = { on: "host", name: "b" } as const;
  const body = encodeCreate({ op: "link.create", on: "host", name: "a", link: { kind: "veth", peer } }, {});
  assert.equal(hex(body.subarray(0, 16)), "00".repeat(16));
  assert.deepEqual(shown(body.subarray(16)).map((text) => text.split("=")[0]), ["3", "18"]);
  assert.deepEqual(shown(inside(body.subarray(16), 18, 2, 1).subarray(16)), ["3=6200"]);
});

Deno.test("a bridge filters VLANs only when asked to", () => {
  const create = (vlanFiltering?: boolean) =>
    encodeCreate(
      {
        op: "link.create",
        on: "host",
        name: "br0",
        link: { kind: "bridge", ...(vlanFiltering === undefined ? {} : { vlanFiltering }) },
      },
      {},
    );
  assert.deepEqual(shown(inside(create().subarray(16), 18)), ["1=62726964676500"]);
  assert.deepEqual(shown(inside(create(true).subarray(16), 18, 2)), ["7=01"]);
  assert.deepEqual(shown(inside(create(false).subarray(16), 18, 2)), ["7=00"]);
});

Deno.test("link.set changes only the flags it names", () => {
  const flags = (body: Uint8Array) => [readUint(body, 4, 8), readUint(body, 4, 12)];
  assert.deepEqual(flags(encodeSet("eth0", { up: true, promisc: false, allmulti: true }, null)), [0x201, 0x301]);
  assert.deepEqual(flags(encodeSet("eth0", { mtu: 1400 }, null)), [0, 0]);
  const body = encodeSet("eth0", { mtu: 1400, mac: "02:00:00:00:00:0a", txQueueLen: 0 }, 0);
  assert.deepEqual(shown(body.subarray(16)), [
    "3=6574683000",
    "4=78050000",
    "1=02000000000a",
    "10=00000000",
    "13=00000000",
  ]);
});

Deno.test("a name longer than 15 bytes is an alternative name", () => {
  assert.equal(shown(encodeSet("a".repeat(15), {}, null).subarray(16))[0]?.split("=")[0], "3");
  assert.equal(shown(encodeSet("a".repeat(16), {}, null).subarray(16))[0]?.split("=")[0], "53");
});

Deno.test("port flags are slave data of a bridge", () => {
  const info = inside(encodePort("v0", { hairpin: true, isolated: false }).subarray(16), 18);
  assert.equal(shown(info)[0], "4=62726964676500");
  assert.deepEqual(shown(inside(info, 5)), ["4=01", "33=00"]);
});

Deno.test("VLANs of a port: single ones, and ranges as begin and end", () => {
  const vlans = [{ vid: 100, pvid: true, untagged: true }, { vid: 200, to: 210, untagged: true }, { vid: 7, to: 7 }];
  const body = encodeVlans({ index: 5, kind: "veth" }, vlans);
  assert.equal(hex(body.subarray(0, 16)), "07000000050000000000000000000000");
  assert.deepEqual(shown(inside(body.subarray(16), 26)), ["2=06006400", "2=0c00c800", "2=1400d200", "2=00000700"]);
  assert.deepEqual(decodeVlans(body), [
    { vid: 100, pvid: true, untagged: true },
    { vid: 200, to: 210, untagged: true },
    { vid: 7 },
  ]);
});

Deno.test("VLANs of the bridge itself carry the flag that says so", () => {
  const body = encodeVlans({ index: 4, kind: "bridge" }, [{ vid: 100 }]);
  assert.deepEqual(shown(inside(body.subarray(16), 26)), ["0=0200", "2=00006400"]);
});

Deno.test("an IPv4 address has a broadcast address below /31 and none from there on", () => {
  const encode = (address: string, noDad?: boolean) =>
    encodeAddress({ op: "address.add", on: "host", link: "eth0", address, ...(noDad ? { noDad } : {}) }, 3);
  const body = encode("10.1.0.5/24");
  assert.equal(hex(body.subarray(0, 8)), "0218000003000000");
  assert.deepEqual(shown(body.subarray(8)), ["2=0a010005", "1=0a010005", "4=0a0100ff"]);
  assert.equal(shown(encode("10.1.0.4/31").subarray(8)).length, 2);
  assert.equal(shown(encode("10.1.0.4/32").subarray(8)).length, 2);
  const v6 = encode("fd00::5/64", true);
  assert.equal(hex(v6.subarray(0, 8)), "0a40000003000000");
  assert.deepEqual(shown(v6.subarray(8)).slice(2), ["8=02000000"]);
});

Deno.test("removing an address names just the address", () => {
  const body = encodeAddress(
    { op: "address.remove", on: "host", link: "eth0", address: "10.1.0.5/24", noDad: true },
    3,
  );
  assert.deepEqual(shown(body.subarray(8)), ["2=0a010005", "1=0a010005"]);
});

Deno.test("a table above 255 goes into its attribute, protocol is boot, the default route has no destination", () => {
  const route = { op: "route.add", on: "host", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" } as const;
  const main = encodeRoute(route, 3);
  assert.equal(hex(main.subarray(0, 12)), "02000000fe03000100000000");
  assert.deepEqual(shown(main.subarray(12)), ["4=03000000", "5=0a010001"]);
  const other = encodeRoute({ ...route, table: 5000, scope: 253, metric: 7, mtu: 1300, advmss: 1260 }, 3);
  assert.equal(hex(other.subarray(0, 12)), "020000000003fd0100000000");
  assert.deepEqual(shown(other.subarray(12)), [
    "15=88130000",
    "4=03000000",
    "5=0a010001",
    "6=07000000",
    "8=0800020014050000" + "08000800ec040000",
  ]);
  assert.equal(encodeRoute({ ...route, table: 255 }, 3)[4], 255);
});

Deno.test("a route's removal says nothing of its metrics", () => {
  const op = { op: "route.remove", on: "host", link: "eth0", dst: "fd00::/64", mtu: 1300, advmss: 1260 } as const;
  const body = encodeRoute(op, 3);
  assert.equal(hex(body.subarray(0, 12)), "0a400000fe03000100000000");
  assert.deepEqual(shown(body.subarray(12)), [`1=fd00${"00".repeat(14)}`, "4=03000000"]);
});

Deno.test("a neighbour is permanent, and is removed by its address alone", () => {
  const op = { on: "host", link: "eth0", ip: "169.254.1.1", mac: "ee:ee:ee:ee:ee:ee" } as const;
  const add = encodeNeighbour({ op: "neighbour.add", ...op }, 3);
  assert.equal(hex(add.subarray(0, 12)), "020000000300000080000000");
  assert.deepEqual(shown(add.subarray(12)), ["1=a9fe0101", "2=eeeeeeeeeeee"]);
  const remove = encodeNeighbour({ op: "neighbour.remove", ...op }, 3);
  assert.deepEqual(shown(remove.subarray(12)), ["1=a9fe0101"]);
});

/** The attributes of a creating request, those of IFLA_LINKINFO taken apart; requests of Go's plugins have the same ones. */
function created(op: Parameters<typeof encodeCreate>[0], numbers: Parameters<typeof encodeCreate>[1]) {
  const body = encodeCreate(op, numbers);
  const attributes = body.subarray(16);
  const outer = shown(attributes).filter((text) => !text.startsWith("18=")).sort();
  const info = inside(attributes, 18);
  const kind = new TextDecoder().decode(inside(info, 1)).replace("\0", "");
  const hasData = [...attributesOf(info)].some(([type]) => type === 2);
  return { index: readUint(body, 4, 4), outer, kind, data: hasData ? shown(inside(info, 2)) : null };
}

const eth0 = { op: "link.create", on: "container", name: "eth0" } as const;
const parent = { on: "host", name: "ens5" } as const;
const NAME = "3=6574683000";

for (const [mode, word] of [["private", 1], ["vepa", 2], ["bridge", 4], ["passthru", 8]] as const) {
  Deno.test(`a macvlan in mode ${mode} says its parent, its namespace and its mode`, () => {
    const link = { kind: "macvlan", parent, mode } as const;
    const said = created({ ...eth0, link }, { parent: 3, netns: 3 });
    const data = [`1=0${word}000000`];
    assert.deepEqual(said, { index: 0, outer: ["28=03000000", NAME, "5=03000000"], kind: "macvlan", data });
    const more = created({ ...eth0, link: { ...link, bcQueueLen: 2000 }, mtu: 1400, mac: "c2:11:22:33:44:55" }, {
      parent: 0x1234,
      netns: 3,
      index: 0x10_0001,
    });
    assert.deepEqual(more, {
      index: 0x10_0001,
      outer: ["1=c21122334455", "28=03000000", NAME, "4=78050000", "5=34120000"],
      kind: "macvlan",
      data: [...data, "7=d0070000"],
    });
  });
}

for (const [mode, word] of [["l2", "0000"], ["l3", "0100"], ["l3s", "0200"]] as const) {
  Deno.test(`an ipvlan in mode ${mode} says its mode and that it is no private one`, () => {
    const said = created({ ...eth0, link: { kind: "ipvlan", parent, mode }, mtu: 1400 }, { parent: 3, netns: 3 });
    assert.deepEqual(said, {
      index: 0,
      outer: ["28=03000000", NAME, "4=78050000", "5=03000000"],
      kind: "ipvlan",
      data: [`1=${word}`, "2=0000"],
    });
  });
}

for (const [id, word] of [[0, "0000"], [1, "0100"], [1234, "d204"], [4094, "fe0f"]] as const) {
  Deno.test(`a vlan with id ${id} says its id, and its parent in its own namespace`, () => {
    const said = created({ ...eth0, link: { kind: "vlan", parent: { ...parent, on: "container" }, id } }, {
      parent: 2,
    });
    assert.deepEqual(said, { index: 0, outer: [NAME, "5=02000000"], kind: "vlan", data: [`1=${word}`] });
  });
}

Deno.test("a dummy says its name and its kind", () => {
  assert.deepEqual(created({ ...eth0, name: "net0", link: { kind: "dummy" } }, {}), {
    index: 0,
    outer: ["3=6e65743000"],
    kind: "dummy",
    data: null,
  });
});

/** Golden bytes of rules and VRFs: payload after the netlink header, in groups of four bytes. */
const grouped = (bytes: Uint8Array): string => hex(bytes).match(/.{1,8}/g)?.join(" ") ?? "";

Deno.test("a rule is the source, its priority, and a table in the header or beyond 255 in its attribute", () => {
  const on = "container";
  const add = (from: string, table: number): string =>
    grouped(encodeRule({ op: "rule.add", on, from, table, priority: 32_765 }));
  assert.equal(add("192.168.1.209/32", 100), "02002000 64000001 00000000 08000200 c0a801d1 08000600 fd7f0000");
  assert.equal(
    add("fd00::10/128", 102),
    "0a008000 66000001 00000000 14000200 fd000000 00000000 00000000 00000010 08000600 fd7f0000",
  );
  assert.equal(
    add("192.168.1.209/32", 5000),
    "02002000 00000001 00000000 08000200 c0a801d1 08000600 fd7f0000 08000f00 88130000",
  );
  assert.equal(add("10.1.0.9/24", 100), add("10.1.0.0/24", 100));
});

/** The request of the reference implementation, whose order of attributes and trailing NULs do not matter. */
const VRF_77 = "00000000 00000000 00000000 00000000 09000300 626c7565 00000000 " +
  "18001200 07000100 76726600 0c000200 08000100 4d000000";

for (const table of [1, 77, 5000]) {
  Deno.test(`a VRF says its name, its kind and its table ${table}`, () => {
    const body = encodeCreate({ op: "link.create", on: "container", name: "blue", link: { kind: "vrf", table } }, {});
    assert.equal(hex(body.subarray(0, 16)), "00".repeat(16));
    assert.deepEqual(shown(body.subarray(16))[0], "3=626c756500");
    const info = inside(body.subarray(16), 18);
    assert.equal(shown(info)[0], "1=76726600");
    const data = inside(info, 2);
    assert.deepEqual(shown(data), [`1=${hex(new Uint8Array(Uint32Array.of(table).buffer))}`]);
    if (table !== 77) return;
    const theirs = Uint8Array.from(VRF_77.replaceAll(" ", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
    assert.deepEqual(inside(theirs.subarray(16), 18, 2), data);
  });
}

Deno.test("an address says that it ends, and that it brings no route", () => {
  const op = { op: "address.add", on: "container", link: "eth0", address: "fd00::5/64" } as const;
  const lifetime = { preferred: 60, valid: 0xffff_ffff };
  const body = encodeAddress({ ...op, noDad: true, noPrefixRoute: true, lifetime }, 3);
  assert.deepEqual(shown(body.subarray(8)).slice(2), ["8=02020000", "6=3c000000ffffffff0000000000000000"]);
});

Deno.test("a route says who has made it", () => {
  const op = { op: "route.add", on: "container", link: "eth0", dst: "10.9.0.0/16" } as const;
  for (const [more, protocol] of [[{}, 3], [{ byKernel: true }, 2], [{ protocol: 4 }, 4]] as const) {
    assert.equal(encodeRoute({ ...op, ...more }, 3)[5], protocol);
  }
});
