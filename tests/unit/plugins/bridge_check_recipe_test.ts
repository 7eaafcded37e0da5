import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import {
  byGo,
  containerOf,
  done,
  echoing,
  failure,
  hostOf,
  IPV4,
  leaseFiles,
  machineOf,
  NET,
  port,
  result,
} from "../../support/bridge_machine.ts";

Deno.test("CHECK accepts a /32, and routes in other tables", async () => {
  const { run } = machineOf();
  const routes = [{ dst: "10.9.0.0/16", table: 5000, scope: 253 }];
  const conf = echoing({ ips: [{ address: "10.1.0.2/32" }], routes });
  const added = result(await run("ADD", conf));
  done(await run("CHECK", { ...conf, prevResult: added as unknown as JsonObject }));
});

Deno.test("[C42] CHECK finds a lost address, route, port and MAC, and what prevResult lacks", async () => {
  const drifts: [KernelOp, RegExp][] = [
    [{ op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" }, /10\.1\.0\.2\/24/],
    [
      { op: "route.remove", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" },
      /0\.0\.0\.0\/0 .*via 10\.1\.0\.1/,
    ],
    [{ op: "link.set", on: "host", name: port, set: { master: null } }, /"br1"/],
    [{ op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:00:99" } }, /found 02:00:00:00:00:99/],
    [{ op: "link.set", on: "host", name: "br1", set: { up: false } }, /"br1".*(up|down)/],
  ];
  for (const [drift, sentence] of drifts) {
    const { kernel, run } = machineOf();
    const prevResult = result(await run("ADD", IPV4)) as unknown as JsonObject;
    kernel.drift("/ns/c1", drift);
    const { msg, details } = failure(await run("CHECK", { ...IPV4, prevResult }));
    assert.match(`${msg}; ${details}`, sentence);
  }
  const { run } = machineOf();
  done(await run("ADD", IPV4));
  assert.match(failure(await run("CHECK", IPV4)).msg, /no "prevResult"/);
});

Deno.test("CHECK of an attachment that Go's bridge made compares with prevResult alone", async () => {
  const { kernel, run } = byGo();
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [{ name: "br1" }, { name: "veth0a1b2c3d" }, { name: "eth0", sandbox: "/ns/c1" }],
    ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
  };
  const conf = { ...IPV4, prevResult };
  const { msg, details } = failure(await run("CHECK", conf));
  assert.match(msg, /link "eth0" in the container: expected address 10\.1\.0\.2\/24, found none/);
  assert.match(details ?? "", /route 0\.0\.0\.0\/0 via 10\.1\.0\.1 in table 254: expected it, found none/);
  const eth0 = { on: "container", link: "eth0" } as const;
  kernel.drift(
    "/ns/c1",
    { op: "link.set", on: "container", name: "eth0", set: { up: true } },
    { op: "address.add", ...eth0, address: "10.1.0.2/24" },
    { op: "route.add", ...eth0, dst: "0.0.0.0/0", gw: "10.1.0.1" },
  );
  done(await run("CHECK", conf));
  kernel.drift(null, { op: "link.set", on: "host", name: "veth0a1b2c3d", set: { master: null } });
  assert.match(failure(await run("CHECK", conf)).msg, /expected a port of bridge "br1"/);
});

Deno.test("CHECK does not mind that something else made the bridge promiscuous", async () => {
  const { kernel, run } = machineOf();
  const prevResult = result(await run("ADD", IPV4)) as unknown as JsonObject;
  kernel.drift(null, { op: "link.set", on: "host", name: "br1", set: { promisc: true } });
  done(await run("CHECK", { ...IPV4, prevResult }));
});

Deno.test("DEL of an attachment that Go's bridge made removes its link and its lease", async () => {
  const { machine, run } = byGo();
  done(await run("DEL", IPV4));
  assert.deepEqual(Object.keys(containerOf(machine).links), ["lo"]);
  assert.deepEqual(Object.keys(hostOf(machine).links), ["br1", "lo"]);
  assert.deepEqual(leaseFiles(machine), []);
});

Deno.test("DEL leaves a link alone that is of another bridge, or of another attachment of ours", async () => {
  for (const { machine, run } of [byGo("br9"), byGo("br1", "veth0123456789a")]) {
    done(await run("DEL", IPV4));
    assert.deepEqual(Object.keys(containerOf(machine).links), ["eth0", "lo"]);
  }
});

Deno.test("[C33, BR8] DEL for something never added succeeds and changes nothing", async () => {
  const { machine, run, ops } = machineOf();
  const before = machine.dump();
  done(await run("DEL", IPV4));
  assert.deepEqual([machine.dump(), ops], [before, []]);
});

Deno.test("[C25] a taken interface name is refused by name, and DEL after it leaves the link that has it", async () => {
  const { machine, run } = byGo("br9");
  const { code, msg } = failure(await run("ADD", NET));
  assert.equal(code, 102);
  assert.match(msg, /"eth0" in the container: there is a link of that name, of kind "veth"/);
  done(await run("DEL", NET));
  assert.deepEqual(Object.keys(containerOf(machine).links), ["eth0", "lo"]);
});

/** What Go's bridge answered for `byGo`, with an address. */
const prevResult = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "br1" }, { name: "veth0a1b2c3d" }, { name: "eth0", sandbox: "/ns/c1" }],
  ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
};

/** The same with its address and route in place. */
const configuredByGo = () => {
  const made = byGo();
  made.kernel.drift(
    "/ns/c1",
    { op: "link.set", on: "container", name: "eth0", set: { up: true } },
    { op: "address.add", on: "container", link: "eth0", address: "10.1.0.2/24" },
    { op: "route.add", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" },
  );
  return made;
};

Deno.test("CHECK of an attachment that only Go's bridge knows compares with prevResult alone", async () => {
  const conf = { ...IPV4, promiscMode: true, prevResult };
  const { kernel, run } = configuredByGo();
  assert.match(failure(await run("CHECK", conf)).msg, /"br1": expected promiscuous/);
  kernel.drift(null, { op: "link.set", on: "host", name: "br1", set: { promisc: true } });
  done(await run("CHECK", conf));
  const drifts: [KernelOp, RegExp][] = [
    [
      { op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/24" },
      /expected address 10\.1\.0\.2\/24/,
    ],
    [
      { op: "route.remove", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" },
      /route 0\.0\.0\.0\/0 via 10\.1\.0\.1 in table 254/,
    ],
    [{ op: "link.set", on: "host", name: "veth0a1b2c3d", set: { master: null } }, /expected a port of bridge "br1"/],
    [{ op: "link.delete", on: "host", name: "br1" }, /"br1": expected a bridge, found none/],
    [{ op: "link.delete", on: "container", name: "eth0" }, /"eth0" in the container: expected a veth, found none/],
  ];
  for (const [drift, sentence] of drifts) {
    const made = configuredByGo();
    made.kernel.drift("/ns/c1", drift);
    const { msg, details } = failure(await made.run("CHECK", { ...conf, promiscMode: false }));
    assert.match(`${msg}; ${details}`, sentence);
  }
  const wrong = { ...prevResult, interfaces: [{ name: "br1" }, { name: "eth0", sandbox: "/ns/other" }] };
  const other = configuredByGo();
  assert.match(
    failure(await other.run("CHECK", { ...conf, prevResult: wrong })).msg,
    /no interface "eth0" in "\/ns\/c1"/,
  );
});
