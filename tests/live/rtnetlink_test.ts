import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { can } from "../support/capabilities.ts";
import { bringUp, ip, MAC, newPair } from "../support/pair.ts";

const ignore = !(can.veth && can.bridge && can.ip);

Deno.test({ name: "a bridge is made with MAC and MTU, up, as ip shows it", ignore }, () => {
  using t = newPair(false);
  const created = t.apply({
    op: "link.create",
    on: "host",
    name: "br0",
    link: { kind: "bridge" },
    mtu: 1400,
    mac: "0a:00:00:00:00:01",
    up: true,
  });
  const [shown] = ip(t.hostNs, "link show br0");
  assert.equal(shown?.ifindex, created?.index);
  assert.equal(shown?.mtu, 1400);
  assert.equal(shown?.address, "0a:00:00:00:00:01");
  assert.ok((shown?.flags as string[]).includes("UP"));
  const link = Effect.runSync(t.host.link("host", "br0"));
  assert.deepEqual([link?.kind, link?.mac, link?.mtu, link?.up, link?.port, link?.peer, link?.vlanFiltering], [
    "bridge",
    "0a:00:00:00:00:01",
    1400,
    true,
    null,
    null,
    false,
  ]);
});

Deno.test({ name: "one request makes both ends of a veth, each in its own namespace", ignore }, () => {
  using t = newPair(false);
  t.apply({ op: "link.create", on: "host", name: "br0", link: { kind: "bridge" } });
  const peer = { on: "container", name: "eth0", mtu: 1300, mac: MAC } as const;
  const created = t.apply({
    op: "link.create",
    on: "host",
    name: "veth0",
    link: { kind: "veth", peer },
    mtu: 1300,
    master: "br0",
    up: true,
  });
  const [near] = ip(t.hostNs, "link show veth0");
  const [far] = ip(t.containerNs, "link show eth0");
  assert.deepEqual([near?.ifindex, near?.address, near?.mtu, near?.master], [
    created?.index,
    created?.mac,
    1300,
    "br0",
  ]);
  assert.deepEqual([far?.ifindex, far?.address, far?.mtu], [created?.peer?.index, MAC, 1300]);
  assert.equal(created?.peer?.mac, MAC);
  assert.ok((near?.flags as string[]).includes("UP"));
  const nearLink = Effect.runSync(t.host.link("host", "veth0"));
  const farLink = Effect.runSync(t.host.link("container", "eth0"));
  assert.equal(nearLink?.peer, farLink?.index);
  assert.equal(farLink?.peer, nearLink?.index);
  assert.equal(nearLink?.master, Effect.runSync(t.host.link("host", "br0"))?.index);
  assert.deepEqual(nearLink?.port, { hairpin: false, isolated: false });
});

Deno.test({ name: "a MAC that the kernel chose for the peer is looked up, from either side", ignore }, () => {
  using t = newPair(false);
  for (const [on, other] of [["host", "container"], ["container", "host"]] as const) {
    const link = { kind: "veth", peer: { on: other, name: `far-${on}` } } as const;
    const created = t.apply({ op: "link.create", on, name: `near-${on}`, link });
    const far = Effect.runSync(t.host.link(other, `far-${on}`));
    assert.deepEqual(created?.peer, { index: far?.index, mac: far?.mac });
    assert.match(far?.mac ?? "", /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    assert.equal(Effect.runSync(t.host.linkByIndex(on, created?.index ?? 0))?.name, `near-${on}`);
  }
});

Deno.test({ name: "both ends of a veth can be on one side", ignore }, () => {
  using t = newPair(false);
  const link = { kind: "veth", peer: { on: "host", name: "b" } } as const;
  const created = t.apply({ op: "link.create", on: "host", name: "a", link });
  assert.equal(Effect.runSync(t.host.link("host", "a"))?.peer, created?.peer?.index);
  assert.equal(Effect.runSync(t.host.link("host", "b"))?.peer, created?.index);
});

Deno.test({ name: "a taken name is refused with EEXIST, naming the end that is taken", ignore }, () => {
  using t = newPair();
  const create = (name: string, peer: string) =>
    t.refused({ op: "link.create", on: "host", name, link: { kind: "veth", peer: { on: "container", name: peer } } });
  const near = create("veth0", "eth1");
  assert.deepEqual([near.doing, near.subject, near.errno], ["create link on the host", "veth0", "EEXIST"]);
  const far = create("veth1", "eth0");
  assert.deepEqual([far.doing, far.subject, far.errno], ["create link in the container", "eth0", "EEXIST"]);
  assert.equal(Effect.runSync(t.host.link("host", "veth1")), null);
  assert.equal(Effect.runSync(t.host.link("container", "eth1")), null);
});

Deno.test({ name: "a missing master is named, and nothing is made", ignore }, () => {
  using t = newPair(false);
  const peer = { on: "container", name: "eth0" } as const;
  const error = t.refused({ op: "link.create", on: "host", name: "v", link: { kind: "veth", peer }, master: "br9" });
  assert.equal(error.errno, "ENODEV");
  assert.match(error.message, /br9/);
  assert.equal(Effect.runSync(t.host.link("host", "v")), null);
});

Deno.test({ name: "link.set changes exactly what it names", ignore }, () => {
  using t = newPair();
  const look = () => Effect.runSync(t.host.link("container", "eth0"));
  const before = look();
  const set = { mtu: 1400, mac: "0a:00:00:00:00:09", promisc: true, allmulti: true, txQueueLen: 77, up: true };
  t.apply({ op: "link.set", on: "container", name: "eth0", set });
  const [shown] = ip(t.containerNs, "link show eth0");
  assert.deepEqual([shown?.mtu, shown?.address, shown?.txqlen], [1400, set.mac, 77]);
  for (const flag of ["UP", "PROMISC", "ALLMULTI"]) assert.ok((shown?.flags as string[]).includes(flag), flag);
  const { mtu, mac, promisc, allmulti, txQueueLen, up } = look() ?? assert.fail("the link is gone");
  assert.deepEqual({ mtu, mac, promisc, allmulti, txQueueLen, up }, set);
  assert.equal(look()?.promiscuity, 1);
  t.apply({ op: "link.set", on: "container", name: "eth0", set: { promisc: false } });
  assert.deepEqual([look()?.promisc, look()?.allmulti, look()?.up, look()?.mtu], [false, true, true, 1400]);
  t.apply({ op: "link.set", on: "container", name: "eth0", set: { up: false, allmulti: false } });
  assert.deepEqual([look()?.allmulti, look()?.up, look()?.index], [false, false, before?.index]);
});

Deno.test({ name: "link.set takes a link into a bridge and out of it, and port.set changes the port", ignore }, () => {
  using t = newPair();
  const bridge = t.apply({ op: "link.create", on: "host", name: "br0", link: { kind: "bridge" } });
  const look = () => Effect.runSync(t.host.link("host", "veth0"));
  t.apply({ op: "link.set", on: "host", name: "veth0", set: { master: "br0" } });
  assert.equal(look()?.master, bridge?.index);
  t.apply({ op: "port.set", on: "host", name: "veth0", set: { hairpin: true, isolated: true } });
  assert.deepEqual(look()?.port, { hairpin: true, isolated: true });
  t.apply({ op: "port.set", on: "host", name: "veth0", set: { isolated: false } });
  assert.deepEqual(look()?.port, { hairpin: true, isolated: false });
  const [shown] = ip(t.hostNs, "link show veth0") as { linkinfo?: { info_slave_data?: Record<string, unknown> } }[];
  assert.deepEqual([shown?.linkinfo?.info_slave_data?.hairpin, shown?.linkinfo?.info_slave_data?.isolated], [
    true,
    false,
  ]);
  t.apply({ op: "link.set", on: "host", name: "veth0", set: { master: null } });
  assert.deepEqual([look()?.master, look()?.port], [null, null]);
  assert.notEqual(t.refused({ op: "port.set", on: "host", name: "veth0", set: { hairpin: true } }).errno, "");
});

Deno.test({ name: "the kernel's own words are kept", ignore }, () => {
  using t = newPair();
  const error = t.refused({ op: "link.set", on: "container", name: "eth0", set: { mtu: 70_000 } });
  assert.equal(error.errno, "EINVAL");
  assert.match(error.extack ?? "", /mtu/i);
  assert.match(error.message, /^Cannot set link in the container "eth0": EINVAL: .*mtu/i);
});

Deno.test({ name: "missing links look like null and end ops in ENODEV; a name may be too long", ignore }, () => {
  using t = newPair();
  for (const name of ["eth9", "", "a-name-that-is-longer-than-fifteen-bytes"]) {
    assert.equal(Effect.runSync(t.host.link("container", name)), null, name);
  }
  assert.equal(Effect.runSync(t.host.linkByIndex("container", 9999)), null);
  assert.equal(Effect.runSync(t.host.linkByIndex("container", 0)), null);
  assert.deepEqual(Effect.runSync(t.host.addresses("container", "eth9")), []);
  assert.deepEqual(Effect.runSync(t.host.neighbours("container", "eth9")), []);
  const on = "container", link = "eth9";
  for (
    const op of [
      { op: "link.set", on, name: link, set: { up: true } },
      { op: "link.delete", on, name: link },
      { op: "port.set", on, name: link, set: { hairpin: true } },
      { op: "vlan.add", on, name: link, vlans: [{ vid: 5 }] },
      { op: "address.add", on, link, address: "10.1.0.5/24" },
      { op: "address.remove", on, link, address: "10.1.0.5/24" },
      { op: "route.add", on, link, dst: "10.2.0.0/16" },
      { op: "route.remove", on, link, dst: "10.2.0.0/16" },
      { op: "neighbour.add", on, link, ip: "10.1.0.1", mac: MAC },
    ] as const
  ) assert.equal(t.refused(op).errno, "ENODEV", op.op);
});

Deno.test({ name: "a link is found by an alternative name of 40 characters", ignore }, () => {
  using t = newPair();
  const name = "cni-3f2b8a6c-eth0-a-name-longer-than-15x";
  t.containerNs.must(`ip link property add dev eth0 altname ${name}`);
  assert.equal(Effect.runSync(t.host.link("container", name))?.name, "eth0");
});

Deno.test({ name: "deleting one end of a veth deletes the other", ignore }, () => {
  using t = newPair();
  t.apply({ op: "link.delete", on: "container", name: "eth0" });
  assert.equal(Effect.runSync(t.host.link("host", "veth0")), null);
});

Deno.test({ name: "awaitUp hears of a link that comes up, and gives up after its limit", ignore }, async () => {
  using t = newPair();
  assert.equal(await Effect.runPromise(t.host.awaitUp("host", "veth0", 0)), false);
  assert.equal(await Effect.runPromise(t.host.awaitUp("host", "veth0", 30)), false);
  const waiting = Effect.runPromise(t.host.awaitUp("host", "veth0", 10_000));
  bringUp(t);
  assert.equal(await waiting, true);
  assert.equal(Effect.runSync(t.host.awaitUp("host", "veth0", 10_000)), true);
  assert.equal(await Effect.runPromise(t.host.awaitUp("host", "none0", 20)), false);
});

Deno.test({ name: "VLAN messages are understood: their content is refused, not their form", ignore }, () => {
  using t = newPair();
  t.apply({ op: "link.create", on: "host", name: "br0", link: { kind: "bridge" } });
  t.apply({ op: "link.set", on: "host", name: "veth0", set: { master: "br0" } });
  const error = t.refused({ op: "vlan.add", on: "host", name: "veth0", vlans: [{ vid: 5000 }] });
  assert.equal(error.errno, "EINVAL");
  assert.match(error.extack ?? "", /vlan id/i);
  if (can.vlanFiltering) return;
  for (const name of ["veth0", "br0"]) {
    const vlans = [{ vid: 100, pvid: true, untagged: true }, { vid: 200, to: 210 }];
    assert.equal(t.refused({ op: "vlan.add", on: "host", name, vlans }).errno, "EOPNOTSUPP");
    assert.deepEqual(Effect.runSync(t.host.vlans("host", name)), []);
  }
  const link = { kind: "bridge", vlanFiltering: true } as const;
  assert.equal(t.refused({ op: "link.create", on: "host", name: "br1", link }).errno, "EOPNOTSUPP");
});
