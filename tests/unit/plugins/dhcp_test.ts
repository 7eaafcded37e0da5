/** The dhcp plugin on a machine in memory, whose daemon is one, too. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { runOurs } from "../../../src/engine/invoke.ts";
import { clientIdOf, speechOf } from "../../../src/plugins/dhcp_speech.ts";
import { DhcpConfig } from "../../../src/plugins/dhcp_config.ts";
import { dhcp } from "../../../src/plugins/dhcp.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { failed, ok } from "../../support/outcomes.ts";
import { pluginMachine, withPrev } from "../../support/plugin_machine.ts";

const KEY = { network: "lan", containerId: "c1", ifName: "eth0" };

const conf = (ipam: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "lan",
  type: "dhcp",
  ipam: { type: "dhcp", ...ipam },
});

const speech = async (ipam: JsonObject, args: ReadonlyMap<string, string> = new Map()) => {
  const spoken = Effect.flatMap(decodeConfig(DhcpConfig, conf(ipam)), (config) => speechOf(config, KEY, args));
  const { clientId, options } = await Effect.runPromise(spoken);
  return { clientId: new TextDecoder().decode(clientId), options };
};

const refusal = async (ipam: JsonObject): Promise<string> => {
  const { run } = pluginMachine(dhcp);
  return failed(await run("ADD", conf(ipam))).msg;
};

Deno.test("ADD answers what the daemon was granted, dns included, and DEL gives it back", async () => {
  const { run, machine } = pluginMachine(dhcp);
  const result = ok(await run("ADD", conf(), { args: "K=V", path: "/opt/cni/bin" }));
  assert.deepEqual(result, {
    cniVersion: "1.1.0",
    ips: [{ address: "192.0.2.5/24", gateway: "192.0.2.1" }],
    routes: [{ dst: "0.0.0.0/0", gw: "192.0.2.1" }],
    dns: { nameservers: ["192.0.2.53"], domain: "lab.example" },
  });
  const call = machine.dhcp.lastCall();
  assert.deepEqual({ ...call, stdin: JSON.parse(call?.stdin ?? "") }, {
    containerId: "c1",
    ifName: "eth0",
    netns: "/ns/c1",
    args: "K=V",
    path: "/opt/cni/bin",
    stdin: conf(),
  });
  ok(await run("CHECK", withPrev(conf(), result ?? { cniVersion: "" })));
  for (const _ of [1, 2]) ok(await run("DEL", conf()));
  assert.deepEqual(machine.dhcp.dump(), {});
});

Deno.test("CHECK finds a lease that is gone, another address, and a daemon that is gone, and allocates nothing", async () => {
  const { run, machine } = pluginMachine(dhcp);
  const result = ok(await run("ADD", conf()));
  assert.ok(result !== null);
  const other = { ...result, ips: [{ address: "192.0.2.9/24" }] };
  assert.match(
    failed(await run("CHECK", withPrev(conf(), other))).msg,
    /expected 192\.0\.2\.9\/24 .* found 192\.0\.2\.5\/24/,
  );
  // A server may tell another mask when it renews; the container keeps the address it was made with.
  ok(await run("CHECK", withPrev(conf(), { ...result, ips: [{ address: "192.0.2.5/16" }] })));
  machine.dhcp.behave({ fails: "unreachable" });
  const away = failed(await run("CHECK", withPrev(conf(), result)));
  assert.match(away.msg, /Cannot reach the DHCP daemon at "\/run\/cni\/dhcp\.sock": .*; start it: cleat dhcp daemon/);
  machine.dhcp.behave({ isGos: true });
  ok(await run("CHECK", withPrev(conf(), result)));
  machine.dhcp.behave({});
  const empty = pluginMachine(dhcp);
  const msg = failed(await empty.run("CHECK", withPrev(conf(), result))).msg;
  assert.match(msg, /expected a lease of lan\/c1\/eth0, found none/);
  assert.deepEqual(empty.machine.dhcp.dump(), {});
});

Deno.test("an ADD that the daemon refuses has nothing to undo; one whose answer is lost is given back", async () => {
  for (const reason of ["unreachable", "no lease", "refused"] as const) {
    const { run, machine } = pluginMachine(dhcp);
    machine.dhcp.behave({ fails: reason });
    const { code } = failed(await run("ADD", conf()));
    assert.equal(code, reason === "refused" ? 5 : 11);
    machine.dhcp.behave({ fails: "io" });
    ok(await run("DEL", conf()), "nothing is owed");
  }
  const { run, machine } = pluginMachine(dhcp);
  machine.dhcp.behave({ fails: "io" });
  failed(await run("ADD", conf()));
  assert.match(failed(await run("DEL", conf())).msg, /Cannot talk to the DHCP daemon/);
  machine.dhcp.behave({});
  ok(await run("DEL", conf()));
});

Deno.test("DEL without a daemon succeeds and says what becomes of the lease", async () => {
  const { run, machine } = pluginMachine(dhcp);
  ok(await run("ADD", conf()));
  machine.dhcp.behave({ fails: "unreachable" });
  ok(await run("DEL", conf()));
  assert.match(
    machine.said.join("\n"),
    /No DHCP daemon is at ".*" .*lan\/c1\/eth0: its server keeps it until it expires/,
  );
  assert.deepEqual(machine.dhcp.dump(), {});
});

/** The lease that Go's plugin has got of the daemon. */
const gos = async (machine: ReturnType<typeof pluginMachine>["machine"]) => {
  const { Dhcp } = await import("../../../src/effects/dhcp/dhcp.ts");
  const call = {
    containerId: "c1",
    ifName: "eth0",
    netns: "/ns/c1",
    args: "",
    path: "",
    stdin: JSON.stringify(conf()),
  };
  const exit = await machine.run(
    Effect.flatMap(Dhcp, (dhcp) => Effect.orDie(dhcp.allocate("/run/cni/dhcp.sock", call))),
  );
  assert.ok(Exit.isSuccess(exit));
};

Deno.test("DEL gives back what the log does not know, also of a daemon that cannot tell", async () => {
  for (const isGos of [false, true]) {
    const { run, machine } = pluginMachine(dhcp);
    await gos(machine);
    machine.dhcp.behave({ isGos });
    ok(await run("DEL", conf()));
    assert.deepEqual(machine.dhcp.dump(), {});
  }
});

Deno.test("GC gives back what the daemon keeps for attachments that are not valid, whoever made them", async () => {
  const { machine } = pluginMachine(dhcp);
  const gc = async (valid: readonly JsonObject[]) => {
    const config = { ...conf(), "cni.dev/valid-attachments": valid };
    const key = { network: "lan", containerId: "", ifName: "" };
    const call = { plugin: "dhcp", key, netns: "", allowOwnNetns: false, args: "", path: "", config } as const;
    assert.ok(Exit.isSuccess(await machine.run(runOurs(dhcp, { ...call, command: "GC" }))));
  };
  await gos(machine);
  await gc([{ containerID: "c1", ifname: "eth0" }]);
  assert.deepEqual(Object.keys(machine.dhcp.dump()), ["lan/c1/eth0"]);
  await gc([]);
  assert.deepEqual(machine.dhcp.dump(), {});
});

Deno.test("[DH6] options are known by name and by number, and nonsense is refused, naming what would be right", async () => {
  const { options } = await speech({
    provide: [{ option: "host-name", value: "a" }, { option: "77", value: "b" }],
    request: [{ option: "121" }, { option: "routers" }, { option: "3" }],
  });
  assert.equal(new TextDecoder().decode(options.get(12)), "a");
  assert.equal(new TextDecoder().decode(options.get(77)), "b");
  assert.deepEqual(options.get(55), Uint8Array.of(121, 3, 1, 6, 15, 119));
  for (const option of ["nonsense", "0", "255", "256", "-1", "1.5", ""]) {
    assert.match(
      await refusal({ provide: [{ option, value: "x" }] }),
      /"ipam\.provide\[0\]\.option" ".*": can not parse option/,
    );
  }
  assert.match(
    await refusal({ request: [{ option: "static-routes" }] }),
    /"ipam\.request\[0\]\.option" "static-routes"/,
  );
});

Deno.test("what is asked for is said in order and once; skipDefault leaves out the defaults, but something is asked for", async () => {
  const asked = async (...request: JsonObject[]) => [...(await speech({ request })).options.get(55) ?? []];
  assert.deepEqual(await asked(), [3, 1, 6, 15, 119]);
  assert.deepEqual(await asked({ option: "121" }, { option: "33", skipDefault: true }), [121, 33]);
  assert.deepEqual(await asked({ option: "", skipDefault: true }), [1, 3, 15, 6]);
});

Deno.test("a provided value comes from CNI_ARGS where it is set, an empty one is not sent, and a long one is refused", async () => {
  const provide = [{ option: "12", value: "written", fromArg: "POD" }, { option: "60", value: "" }];
  const said = async (args: ReadonlyMap<string, string>) => {
    const { options } = await speech({ provide }, args);
    return [new TextDecoder().decode(options.get(12)), options.has(60)];
  };
  assert.deepEqual(await said(new Map()), ["written", false]);
  assert.deepEqual(await said(new Map([["POD", "told"]])), ["told", false]);
  assert.match(await refusal({ provide: [{ option: "12", value: "é".repeat(128) }] }), /256 bytes, at most 255 fit/);
  for (const option of ["50", "52", "53", "54", "55"]) {
    assert.match(await refusal({ provide: [{ option, value: "x" }] }), /the client sets it by itself/);
  }
});

Deno.test("a client's id is Go's, cut where it is too long, unless one is provided", async () => {
  assert.equal((await speech({})).clientId, "\0c1/lan/eth0");
  assert.equal((await speech({ provide: [{ option: "dhcp-client-identifier", value: "me" }] })).clientId, "me");
  assert.equal(clientIdOf({ ...KEY, containerId: "x".repeat(300) }).length, 255);
});

Deno.test("a configuration without ipam, and a socket that is no absolute path, are refused before anything is done", async () => {
  const { run, machine } = pluginMachine(dhcp);
  assert.match(
    failed(await run("ADD", { cniVersion: "1.1.0", name: "lan", type: "dhcp" })).msg,
    /"ipam": it is missing/,
  );
  assert.match(failed(await run("ADD", conf({ daemonSocketPath: "run.sock" }))).msg, /it must be an absolute path/);
  assert.equal(machine.dhcp.lastCall(), null);
});
