import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { type HostError, type HostShape, Kernel, type NetnsWanted } from "../../../src/effects/kernel/host.ts";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { type SimulatedKernel, simulatedKernel } from "../../../src/effects/kernel/simulated.ts";
import { address, bridge, drop, hostPair, nft, noAddress, set, sysctl, TABLE } from "../../support/drift.ts";
import { NETNS, newMachine, openHost, outcome, pair, up } from "../../support/machine.ts";

const look = <A>(effect: Effect.Effect<A, HostError>): A => Effect.runSync(effect);

/** How opening namespaces ended. */
const opening = (kernel: SimulatedKernel, wanted: NetnsWanted) =>
  Effect.runSync(
    Effect.flatMap(Kernel, ({ open }) => open(wanted)).pipe(Effect.flip, Effect.scoped, Effect.provide(kernel.layer)),
  );

const bothUp: readonly KernelOp[] = [pair(), up("host", "veth1"), up("container", "eth0")];

const PAIR = {
  op: "link.create",
  on: "host",
  name: "veth1",
  link: { kind: "veth", peer: { on: "container", name: "eth0" } },
} as const;

const mac = (host: HostShape, on: "host" | "container", name: string) => look(host.link(on, name))?.mac;

Deno.test("the host's own namespace is refused unless the caller allows it", () => {
  const kernel = simulatedKernel({ hostPath: "/proc/1/ns/net" });
  const error = opening(kernel, { path: "/proc/1/ns/net", allowOwn: false });
  assert.equal(error._tag, "NetnsError");
  assert.equal("reason" in error && error.reason, "own");
  const host = openHost(kernel, { path: "/proc/1/ns/net", allowOwn: true });
  assert.equal(outcome(host.apply(bridge("cni0"))), "ok");
  assert.equal(look(host.link("container", "cni0"))?.kind, "bridge");
});

Deno.test("a path without a namespace is refused as missing", () => {
  const error = opening(simulatedKernel(), { path: "/run/netns/none", allowOwn: true });
  assert.equal("reason" in error && error.reason, "missing");
});

Deno.test("a recorded namespace is found by path and cookie, and only so", () => {
  const kernel = simulatedKernel();
  const cookie = kernel.addNetns(NETNS);
  const recorded = { path: NETNS, cookie };
  assert.deepEqual(openHost(kernel, { recorded }).netns, recorded);
  assert.equal(openHost(kernel, { recorded: { path: NETNS, cookie: `${cookie}0` } }).netns, null);
  assert.equal(openHost(kernel, { recorded: { path: "/run/netns/none", cookie } }).netns, null);
  assert.equal(openHost(kernel, null).netns, null);
});

Deno.test("a namespace made anew at the same path is another one, also after a reboot", () => {
  const kernel = simulatedKernel();
  const cookies = [kernel.addNetns(NETNS)];
  kernel.removeNetns(NETNS);
  cookies.push(kernel.addNetns(NETNS));
  kernel.reboot();
  cookies.push(kernel.addNetns(NETNS));
  assert.equal(new Set(cookies).size, 3);
});

Deno.test("without a container looks see nothing there, and changes end in ENOENT", () => {
  const { kernel, host, run } = newMachine();
  run(...bothUp);
  const strange = openHost(kernel, { recorded: { path: NETNS, cookie: "999" } });
  assert.equal(look(strange.link("container", "eth0")), null);
  assert.deepEqual(look(strange.addresses("container", "eth0")), []);
  assert.deepEqual(look(strange.routes("container", 4)), []);
  assert.equal(look(strange.sysctl("container", "net/ipv4/ip_forward")), null);
  assert.equal(outcome(strange.apply(up("container", "eth0"))), "ENOENT");
  assert.equal(outcome(strange.apply(pair("veth2", "eth1"))), "ENOENT");
  assert.equal(look(host.link("host", "veth2")), null);
});

Deno.test("with a namespace go its links and the other ends of its pairs; who had it open sees it gone", () => {
  const { kernel, host, run } = newMachine();
  const empty = kernel.dump().host;
  assert.deepEqual(run(...bothUp, pair("veth2", "eth1")), ["ok", "ok", "ok", "ok"]);
  kernel.removeNetns(NETNS);
  assert.equal(look(host.link("host", "veth1")), null);
  assert.equal(look(host.link("container", "eth0")), null);
  assert.equal(outcome(host.apply(up("container", "lo"))), "ENOENT");
  assert.deepEqual(kernel.dump(), { host: empty, netns: {} });
  kernel.addNetns(NETNS);
  assert.equal(look(host.link("container", "lo")), null, "a new namespace at the path is not the old one");
});

Deno.test("an ordered failure meets the next op that fits, once, and changes nothing", () => {
  const { kernel, run } = newMachine();
  kernel.fail("link.set", "EPERM");
  kernel.fail((op) => op.op === "link.create" && op.name === "cni1", "ENOMEM");
  assert.deepEqual(run(bridge("cni0")), ["ok"]);
  const before = kernel.dump();
  assert.deepEqual(run(bridge("cni1"), up("host", "cni0")), ["ENOMEM", "EPERM"]);
  assert.deepEqual(kernel.dump(), before);
  assert.deepEqual(run(bridge("cni1"), up("host", "cni0")), ["ok", "ok"]);
});

Deno.test("two failures for one op are used up in the order they were ordered", () => {
  const { kernel, run } = newMachine();
  kernel.fail("link.create", "EPERM");
  kernel.fail("link.create", "ENOMEM");
  assert.deepEqual([0, 1, 2].flatMap(() => run(bridge("cni0"))), ["EPERM", "ENOMEM", "ok"]);
});

Deno.test("a refused op names what was being done to what", () => {
  const { host } = newMachine();
  const error = Effect.runSync(Effect.flip(host.apply(address("10.1.0.2/24"))));
  assert.equal(error.message, 'Cannot add address "10.1.0.2/24 on eth0": ENODEV');
});

Deno.test("the hook hears of each op before and after, but of a refused one only before", () => {
  const heard: string[] = [];
  const { kernel, run } = newMachine({ onApply: (op, phase) => void heard.push(`${phase} ${op.op}`) });
  run(bridge("cni0"), bridge("cni0"), up("host", "cni0"));
  const expected = [
    "before link.create",
    "after link.create",
    "before link.create",
    "before link.set",
    "after link.set",
  ];
  assert.deepEqual(heard, expected);
  kernel.onApply(() => {});
  run(bridge("cni1"));
  assert.equal(heard.length, expected.length);
});

Deno.test("a crash before an op leaves the machine as it was, a crash after it as it became", () => {
  for (const when of ["before", "after"] as const) {
    const { kernel, host } = newMachine();
    kernel.onApply((_, phase) => {
      if (phase === when) throw new Error("the process died");
    });
    const exit = Effect.runSyncExit(host.apply(bridge("cni0")));
    assert.ok(Exit.isFailure(exit));
    assert.ok(Cause.hasDies(exit.cause), "a defect, not a HostError that a recipe could catch");
    kernel.onApply(() => {});
    assert.equal(look(host.link("host", "cni0"))?.name, when === "after" ? "cni0" : undefined);
  }
});

Deno.test("doing and taking back leaves no trace, whatever indexes and MACs were used up", () => {
  const { kernel, run } = newMachine();
  const before = kernel.dump();
  const done = run(
    ...bothUp,
    address("10.1.0.2/24"),
    { op: "route.add", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" },
    sysctl("host", "net/ipv4/ip_forward", "1"),
    sysctl("host", "net/ipv4/conf/veth1/arp_notify", "1"),
  );
  assert.deepEqual(new Set(done), new Set(["ok"]));
  assert.notDeepEqual(kernel.dump(), before);
  assert.deepEqual(run(sysctl("host", "net/ipv4/ip_forward", "0"), drop("veth1")), ["ok", "ok"]);
  assert.deepEqual(kernel.dump(), before);
});

Deno.test("machines with the same history are equal, and give the same MACs", () => {
  const [one, two] = [newMachine(), newMachine()];
  for (const { run } of [one, two]) run(bridge("cni0"), ...bothUp, set("veth1", { master: "cni0" }));
  assert.equal(JSON.stringify(one.kernel.dump()), JSON.stringify(two.kernel.dump()));
  const all = [mac(one.host, "host", "veth1"), mac(one.host, "container", "eth0")];
  assert.deepEqual(all, [mac(two.host, "host", "veth1"), mac(two.host, "container", "eth0")]);
  assert.equal(new Set(all).size, 2);
  for (const each of all) assert.match(String(each), /^02(:[0-9a-f]{2}){5}$/, "locally administered, unicast");
});

Deno.test("creating a pair answers index and MAC of both ends", () => {
  const { host } = newMachine();
  const made = look(host.apply({ ...PAIR, mac: "0a:58:0a:01:00:07" }));
  const near = look(host.link("host", "veth1"));
  const far = look(host.link("container", "eth0"));
  assert.ok(near !== null && far !== null);
  assert.deepEqual(made, { index: near.index, mac: "0a:58:0a:01:00:07", peer: { index: far.index, mac: far.mac } });
  assert.deepEqual([near.peer, far.peer], [far.index, near.index]);
  assert.deepEqual(look(host.linkByIndex("host", near.index)), near);
});

Deno.test("a reboot leaves an empty host without namespaces; handles from before see nothing", () => {
  const { kernel, host, run } = newMachine();
  const fresh = simulatedKernel().dump();
  run(bridge("cni0"), ...bothUp, nft({ add: "table", ...TABLE }), sysctl("host", "net/ipv4/ip_forward", "1"));
  kernel.reboot();
  assert.deepEqual(kernel.dump(), fresh);
  const error = opening(kernel, { path: NETNS, allowOwn: false });
  assert.equal("reason" in error && error.reason, "missing");
  const after = openHost(kernel, host.netns === null ? null : { recorded: host.netns });
  assert.equal(after.netns, null);
  assert.equal(look(after.link("host", "cni0")), null);
});

Deno.test("sysctls have the kernel's defaults, and unknown keys do not exist", () => {
  const { host, run } = newMachine();
  const value = (key: string) => look(host.sysctl("container", key));
  assert.equal(value("net/ipv4/ip_forward"), "0");
  assert.equal(value("net/core/somaxconn"), "4096");
  assert.equal(value("net/ipv4/ip_local_port_range"), "32768\t60999");
  assert.equal(value("net/ipv6/conf/all/accept_dad"), "0");
  assert.equal(value("net/ipv6/conf/default/accept_dad"), "1");
  assert.equal(value("net/ipv4/no_such_key"), null);
  assert.equal(value("net/ipv4/conf/eth0/constructor"), null);
  assert.deepEqual(
    run(
      sysctl("container", "net/ipv4/no_such_key", "1"),
      sysctl("container", "net/core/somaxconn", "many"),
    ),
    ["ENOENT", "EINVAL"],
  );
});

Deno.test("a link has its own keys, takes over what `default` says, and takes them with it", () => {
  const { host, run } = newMachine();
  const key = (name: string) => `net/ipv4/conf/${name}/arp_notify`;
  const value = (on: "host" | "container", name: string) => look(host.sysctl(on, key(name)));
  assert.deepEqual(run(sysctl("container", key("eth0"), "1")), ["ENOENT"]);
  assert.deepEqual(run(sysctl("container", key("default"), "1"), pair()), ["ok", "ok"]);
  assert.deepEqual([value("container", "eth0"), value("container", "lo"), value("host", "veth1")], ["1", "0", "0"]);
  assert.deepEqual(run(sysctl("container", key("eth0"), "0"), drop("veth1"), pair()), ["ok", "ok", "ok"]);
  assert.equal(value("container", "eth0"), "1", "a new link, a new start");
});

Deno.test("switching forwarding on for the namespace switches it on for every link", () => {
  const { host, run } = newMachine();
  run(pair(), sysctl("host", "net/ipv4/ip_forward", "1"), hostPair("veth8", "veth9"));
  for (const name of ["all", "default", "lo", "veth1", "veth8"]) {
    assert.equal(look(host.sysctl("host", `net/ipv4/conf/${name}/forwarding`)), "1", name);
  }
  assert.equal(look(host.sysctl("container", "net/ipv4/ip_forward")), "0");
});

Deno.test("a link is up once it and what lies behind it are up", () => {
  const { host, run } = newMachine();
  const isUp = (on: "host" | "container", name: string) => look(host.awaitUp(on, name, 1));
  run(pair(), up("container", "eth0"));
  assert.equal(isUp("container", "eth0"), false, "its peer is down");
  run(up("host", "veth1"));
  assert.equal(isUp("container", "eth0"), true);
  assert.equal(isUp("container", "eth9"), false);
  run(bridge("cni0", { up: true }), set("veth1", { master: "cni0" }));
  assert.equal(isUp("host", "cni0"), true);
  run(set("eth0", { up: false }));
  assert.equal(isUp("host", "cni0"), false, "its only port lost its carrier");
});

Deno.test("duplicate address detection ends, fails on duplicates, and waits for the carrier", () => {
  const { host, run } = newMachine({ duplicates: ["fd00::2"] });
  const dad = () => look(host.awaitDad("container", "eth0", 1));
  const addressOf = (text: string) => look(host.addresses("container", "eth0")).find((each) => each.address === text);
  assert.equal(dad(), "done", "no link, no address");
  run(pair(), up("container", "eth0"), address("fd00::1/64"));
  assert.equal(dad(), "timeout", "the peer is down");
  run(up("host", "veth1"));
  assert.equal(addressOf("fd00::1/64")?.tentative, true);
  assert.equal(dad(), "done");
  assert.equal(addressOf("fd00::1/64")?.tentative, false);
  run(address("fd00::2/64"));
  assert.equal(dad(), "failed");
  assert.equal(addressOf("fd00::2/64")?.dadFailed, true);
  run(noAddress("fd00::2/64"));
  assert.equal(dad(), "done");
});

Deno.test("without detection a duplicate goes unnoticed", () => {
  const { host, run } = newMachine({ duplicates: ["fd00::2"] });
  run(...bothUp, { op: "address.add", on: "container", link: "eth0", address: "fd00::2/64", noDad: true });
  assert.equal(look(host.awaitDad("container", "eth0", 1)), "done");
});

Deno.test("a kernel without VLAN filtering refuses filtering bridges and VLANs, and shows none", () => {
  const { host, run } = newMachine({ vlanFiltering: false });
  const vlan: KernelOp = { op: "vlan.add", on: "host", name: "cni0", vlans: [{ vid: 7 }] };
  const made = run(bridge("cni1", { vlanFiltering: true }), bridge("cni0"), vlan);
  assert.deepEqual(made, ["EOPNOTSUPP", "ok", "EOPNOTSUPP"]);
  assert.deepEqual(look(host.vlans("host", "cni0")), []);
});

Deno.test("a batch is carried out whole or not at all", () => {
  const { kernel, run } = newMachine();
  const table = { add: "table", ...TABLE } as const;
  const tables: KernelOp = nft(table, { add: "set", ...TABLE, set: "members", key: ["ipv4_addr"] });
  assert.deepEqual(run(tables), ["ok"]);
  const member = { ...TABLE, set: "members", key: [{ ip: "10.1.0.2" }] } as const;
  const before = kernel.dump();
  const batch = nft(
    { add: "chain", ...TABLE, chain: "c" },
    { add: "element", ...member },
    { add: "rule", ...TABLE, chain: "missing", exprs: [] },
  );
  assert.deepEqual(run(batch), ["ENOENT"]);
  assert.deepEqual(kernel.dump(), before);
  assert.deepEqual(run(nft({ add: "element", ...member }), nft({ add: "element", ...member })), ["ok", "EEXIST"]);
});
