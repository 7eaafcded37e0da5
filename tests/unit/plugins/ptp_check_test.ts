/** CHECK of the ptp plugin, and DEL of what other programs have made. Numbers are those of scenarios/ptp.txt. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { containerOf, done, failure, hostOf, leaseFiles, result } from "../../support/bridge_machine.ts";
import { asPrevious, DUAL, end, NET, ptpMachine, ranges } from "../../support/ptp_machine.ts";

const eth0 = { on: "container", link: "eth0" } as const;
const hostEnd = { on: "host", link: end } as const;
const DRIFTS: [string, KernelOp, RegExp][] = [
  [
    "container's end down",
    { op: "link.set", on: "container", name: "eth0", set: { up: false } },
    /"eth0" .* up, found down/,
  ],
  [
    "host end down",
    { op: "link.set", on: "host", name: end, set: { up: false } },
    /on the host: expected state up, found down/,
  ],
  ["container's end gone", { op: "link.delete", on: "container", name: "eth0" }, /expected it to exist, found none/],
  ["address gone", { op: "address.remove", ...eth0, address: "10.9.9.2/24" }, /expected address 10\.9\.9\.2\/24/],
  ["IPv6 address gone", { op: "address.remove", ...eth0, address: "fd09::2/64" }, /expected address fd09::2\/64/],
  [
    "gateway gone",
    { op: "address.remove", ...hostEnd, address: "10.9.9.1/32" },
    /on the host: expected address 10\.9\.9\.1\/32/,
  ],
  [
    "route to the gateway gone",
    { op: "route.remove", ...eth0, dst: "10.9.9.1/32", scope: 253 },
    /route to 10\.9\.9\.1\/32/,
  ],
  [
    "route to the network gone",
    { op: "route.remove", ...eth0, dst: "10.9.9.0/24", gw: "10.9.9.1" },
    /route to 10\.9\.9\.0\/24/,
  ],
  ["default route gone", { op: "route.remove", ...eth0, dst: "::/0", gw: "fd09::1" }, /route to ::\/0 .* via fd09::1/],
  [
    "host's route gone",
    { op: "route.remove", ...hostEnd, dst: "10.9.9.2/32", scope: 254 },
    /route to 10\.9\.9\.2\/32 .* on the host/,
  ],
  [
    "MAC changed",
    { op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:00:99" } },
    /expected MAC .*, found 02:00:00:00:00:99/,
  ],
  [
    "host's MAC changed",
    { op: "link.set", on: "host", name: end, set: { mac: "02:00:00:00:00:98" } },
    /expected MAC .*, found 02:00:00:00:00:98/,
  ],
  [
    "host's MTU changed",
    { op: "link.set", on: "host", name: end, set: { mtu: 1300 } },
    /expected MTU 1400, found 1300/,
  ],
  [
    "forwarding off",
    { op: "sysctl.write", on: "host", key: "net/ipv4/ip_forward", value: "0" },
    /ip_forward" on the host: expected 1, found 0/,
  ],
];

for (const [what, drift, sentence] of DRIFTS) {
  Deno.test(`CHECK finds: ${what}`, async () => {
    const made = ptpMachine();
    const conf = { ...DUAL, mtu: 1400 };
    const prevResult = asPrevious(result(await made.run("ADD", conf)));
    done(await made.run("CHECK", { ...conf, prevResult }));
    made.drift(drift);
    const { msg, details } = failure(await made.run("CHECK", { ...conf, prevResult }));
    assert.match(`${msg}; ${details}`, sentence);
  });
}

Deno.test("CHECK finds a source that was changed, naming both", async () => {
  const made = ptpMachine();
  const prevResult = asPrevious(result(await made.run("ADD", DUAL)));
  const route = { ...eth0, dst: "10.9.9.0/24", gw: "10.9.9.1" } as const;
  made.drift({ op: "route.remove", ...route }, { op: "route.add", ...route });
  const { msg } = failure(await made.run("CHECK", { ...DUAL, prevResult }));
  assert.match(msg, /with metric 0 from 10\.9\.9\.2, found via 10\.9\.9\.1 over eth0 with metric 0 \(set by #\d+/);
});

Deno.test("CHECK accepts another path to the same namespace, and a MAC in capital letters", async () => {
  const { run } = ptpMachine();
  const made = result(await run("ADD", DUAL));
  const interfaces = (made.interfaces ?? []).map((link) => ({
    ...link,
    mac: link.mac?.toUpperCase() ?? "",
    ...(link.sandbox ? { sandbox: "/proc/7/ns/net" } : {}),
  }));
  done(await run("CHECK", { ...DUAL, prevResult: asPrevious({ ...made, interfaces }) }));
});

/** An attachment as Go's ptp makes it: a random host end, nothing in our log. */
const byGo = (name = "veth0a1b2c3d") => {
  const made = ptpMachine();
  made.machine.kernel.drift(
    "/ns/c1",
    { op: "link.create", on: "host", name, link: { kind: "veth", peer: { on: "container", name: "eth0" } }, up: true },
    { op: "link.set", on: "container", name: "eth0", set: { up: true } },
    { op: "address.add", ...eth0, address: "10.9.9.2/24" },
    { op: "address.add", on: "host", link: name, address: "10.9.9.1/32" },
    { op: "route.add", on: "host", link: name, dst: "10.9.9.2/32", scope: 254 },
    { op: "sysctl.write", on: "host", key: "net/ipv4/ip_forward", value: "1" },
  );
  made.machine.leases.put("/var/lib/cni/networks/p1", "10.9.9.2", "c1\r\neth0");
  return made;
};

const IPV4 = { ...NET, ipam: ranges("10.9.9.0/24") };
const BY_GO = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "veth0a1b2c3d" }, { name: "eth0", sandbox: "/ns/c1" }],
  ips: [{ address: "10.9.9.2/24", gateway: "10.9.9.1", interface: 1 }],
};

Deno.test("CHECK of an attachment that Go's ptp made looks at both ends", async () => {
  const conf = { ...IPV4, prevResult: BY_GO };
  done(await byGo().run("CHECK", conf));
  const goEnd = { on: "host", link: "veth0a1b2c3d" } as const;
  const drifts: [KernelOp, RegExp][] = [
    [{ op: "link.set", on: "host", name: "veth0a1b2c3d", set: { up: false } }, /expected state up, found down/],
    [{ op: "address.remove", ...goEnd, address: "10.9.9.1/32" }, /expected address 10\.9\.9\.1\/32/],
    [{ op: "route.remove", ...goEnd, dst: "10.9.9.2/32", scope: 254 }, /route to 10\.9\.9\.2\/32 on the host/],
    [{ op: "address.remove", ...eth0, address: "10.9.9.2/24" }, /expected address 10\.9\.9\.2\/24/],
  ];
  for (const [drift, sentence] of drifts) {
    const made = byGo();
    made.drift(drift);
    const { msg, details } = failure(await made.run("CHECK", conf));
    assert.match(`${msg}; ${details}`, sentence);
  }
});

Deno.test("DEL of what Go's ptp made removes pair and lease, with and without the container", async () => {
  for (const [netns, prevResult] of [["/ns/c1", undefined], ["", BY_GO]] as const) {
    const { machine, run } = byGo();
    const mac = hostOf(machine).links.veth0a1b2c3d?.mac ?? "";
    const named = prevResult && { ...prevResult, interfaces: [{ name: "veth0a1b2c3d", mac }] };
    done(await run("DEL", { ...IPV4, ...(named === undefined ? {} : { prevResult: named }) }, { netns }));
    assert.deepEqual([leaseFiles(machine), Object.keys(hostOf(machine).links)], [[], ["lo"]], netns);
  }
});

Deno.test("DEL leaves a link alone whose host end is a bridge's port, or another attachment's", async () => {
  const strange = byGo("veth0123456789a");
  const port = byGo();
  port.drift(
    { op: "link.create", on: "host", name: "br0", link: { kind: "bridge" } },
    { op: "link.set", on: "host", name: "veth0a1b2c3d", set: { master: "br0" } },
  );
  for (const { machine, run } of [strange, port]) {
    done(await run("DEL", IPV4));
    assert.deepEqual(Object.keys(containerOf(machine).links), ["eth0", "lo"]);
  }
});
