/** The static plugin. Numbers are those of scenarios/static.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Command } from "../../../src/engine/command.ts";
import { runStatus } from "../../../src/engine/run_status.ts";
import { staticIpam } from "../../../src/plugins/static.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { renderResult } from "../../../src/spec/render_result.ts";
import type { CniResult } from "../../../src/spec/result.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { commandOf, Machine } from "../../support/engine.ts";

const machineOf = () => {
  const machine = new Machine(new Map());
  machine.kernel.addNetns("/ns/c1");
  const run = (verb: Command["verb"], raw: JsonObject, args = "") =>
    machine.command(staticIpam, commandOf(verb, raw, { args }));
  return { machine, run };
};

const net = (ipam: JsonObject, more: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  ...more,
  ipam: { type: "static", ...ipam },
});

const BOTH = [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, {
  address: "3ffe:ffff:0:01ff::1/64",
  gateway: "3ffe:ffff:0::1",
}];
const ROUTES = [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.10.5.1" }, { dst: "3ffe:ffff:0:01ff::1/64" }];
const DNS = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] };

const rendered = (made: CniResult, version: string): JsonObject => Effect.runSync(renderResult(made, version));
const asPrevious = (made: CniResult): JsonObject => rendered(made, "1.1.0");

for (const version of VERSIONS) {
  Deno.test(`[ST1] ${version}: both families, gateways, routes and dns, in the form of the version`, async () => {
    const { machine, run } = machineOf();
    const conf = net({ addresses: BOTH, routes: ROUTES, dns: DNS }, { cniVersion: version });
    const before = machine.dump();
    const { ips, ip4, ip6, dns } = rendered(result(await run("ADD", conf)), version);
    if (version < "0.3.0") {
      assert.deepEqual(ip4, {
        ip: "10.10.0.1/24",
        gateway: "10.10.0.254",
        routes: [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.10.5.1" }],
      });
      assert.deepEqual(ip6, {
        ip: "3ffe:ffff:0:1ff::1/64",
        gateway: "3ffe:ffff::1",
        routes: [{ dst: "3ffe:ffff:0:1ff::1/64" }],
      });
    } else {
      const of = (family: string) => version < "1.0.0" ? { version: family } : {};
      assert.deepEqual(ips, [
        { ...of("4"), address: "10.10.0.1/24", gateway: "10.10.0.254" },
        { ...of("6"), address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1" },
      ]);
    }
    assert.deepEqual(dns, DNS);
    assert.deepEqual(machine.dump(), before, "nothing is changed");
    for (const _ of [1, 2]) done(await run("DEL", conf));
  });
}

Deno.test("[ST2] two default routes with different gateways are both kept, in their order", async () => {
  const { run } = machineOf();
  const routes = [{ dst: "0.0.0.0/0", gw: "10.10.5.1" }, { dst: "0.0.0.0/0", gw: "10.10.5.2" }];
  assert.deepEqual(result(await run("ADD", net({ addresses: [{ address: "10.10.0.1/24" }], routes }))).routes, routes);
});

Deno.test("[ST3] DEL of what never was succeeds, whatever the configuration", async () => {
  const { run } = machineOf();
  done(await run("DEL", net({ addresses: [{ address: "10.10.0.1/24" }] })));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "bridge" }));
  done(await run("DEL", net({ addresses: "none" }), "IP=nonsense"));
});

Deno.test("[ST4, ST5] CNI_ARGS adds an address with its gateway to those of the configuration", async () => {
  const { run } = machineOf();
  const args = "IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.10.0.1/24, 11.11.0.1/24;GATEWAY=10.10.0.254";
  assert.deepEqual(result(await run("ADD", net({ addresses: [{ address: "10.99.0.3/24" }] }), args)).ips, [
    { address: "10.99.0.3/24" },
    { address: "10.10.0.1/24", gateway: "10.10.0.254" },
    { address: "11.11.0.1/24" },
  ]);
});

Deno.test("GATEWAY in CNI_ARGS is that of configured addresses, too, unless they have one; a stray one is refused", async () => {
  const { run } = machineOf();
  const conf = net({ addresses: [{ address: "10.10.0.1/24" }, { address: "10.10.0.2/24", gateway: "10.10.0.9" }] });
  assert.deepEqual(result(await run("ADD", conf, "GATEWAY=10.10.0.254")).ips, [
    { address: "10.10.0.1/24", gateway: "10.10.0.254" },
    { address: "10.10.0.2/24", gateway: "10.10.0.9" },
  ]);
  const { code, msg, details } = failure(await machineOf().run("ADD", conf, "GATEWAY=10.20.0.254"));
  assert.deepEqual([code, msg], [4, 'Cannot use CNI_ARGS "GATEWAY": no address has 10.20.0.254 in its network']);
  assert.match(details ?? "", /10\.10\.0\.1\/24, 10\.10\.0\.2\/24/);
});

Deno.test("[ST6, ST7, ST8] runtimeConfig.ips wins over args.cni.ips, which wins over CNI_ARGS and the configuration", async () => {
  const addresses = [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }];
  const runtimeConfig = { runtimeConfig: { ips: ["10.4.0.5/24", "fd04::5/64"] } };
  const args = { args: { cni: { ips: ["10.3.0.5/24"] } } };
  const said: [JsonObject, string, string[]][] = [
    [{}, "IP=10.2.0.5/24", ["10.1.0.5/24", "10.2.0.5/24"]],
    [args, "IP=10.2.0.5/24", ["10.3.0.5/24"]],
    [runtimeConfig, "", ["10.4.0.5/24", "fd04::5/64"]],
    [{ ...args, ...runtimeConfig }, "IP=10.2.0.5/24;GATEWAY=10.2.0.1", ["10.4.0.5/24", "fd04::5/64"]],
    [{ runtimeConfig: { ips: [] } }, "", ["10.1.0.5/24"]],
  ];
  for (const [more, cniArgs, expected] of said) {
    const { ips } = result(await machineOf().run("ADD", net({ addresses }, more), cniArgs));
    assert.deepEqual(ips?.map(({ address }) => address), expected);
  }
  assert.deepEqual(result(await machineOf().run("ADD", net({ addresses }, runtimeConfig))).ips, [
    { address: "10.4.0.5/24" },
    { address: "fd04::5/64" },
  ]);
});

Deno.test("[ST5] two addresses of a family are refused below 0.3.0, and no address at all", async () => {
  for (const cniVersion of ["0.1.0", "0.2.0"]) {
    const refused = failure(await machineOf().run("ADD", net({}, { cniVersion }), "IP=10.10.0.1/24,11.11.0.1/24"));
    assert.match(refused.msg, new RegExp(`version ${cniVersion} has one IPv4 address at most`));
    const none = failure(await machineOf().run("ADD", net({}, { cniVersion })));
    assert.match(none.msg, /Cannot give no address at all/);
  }
  assert.deepEqual(result(await machineOf().run("ADD", net({}, { cniVersion: "0.3.0" }))).ips, []);
});

Deno.test("[ST9, ST10] what is missing or no address with a prefix is refused, naming key and value", async () => {
  const noIpam = { cniVersion: "1.1.0", name: "net1", type: "bridge" };
  const runtimeConfig = { runtimeConfig: { ips: ["10.10.0.1"] } };
  const cases: [JsonObject, string, RegExp][] = [
    [noIpam, "", /"ipam": it is missing/],
    [noIpam, "IP=10.10.0.1/24", /"ipam": it is missing/],
    [{ ...noIpam, runtimeConfig: { ips: ["10.10.0.1/24"] } }, "", /"ipam": it is missing/],
    [net({ addresses: [{ address: "10.10.0.1" }] }), "", /"ipam\.addresses\[0\]\.address": "10\.10\.0\.1" is not/],
    [net({ addresses: [{ gateway: "10.10.0.1" }] }), "", /"ipam\.addresses\[0\]\.address": it is missing/],
    [net({ addresses: [{ address: "10.10.0.1/24", gateway: "gw" }] }), "", /gateway": "gw" is not/],
    [net({ routes: [{ dst: "10.0.0.0" }] }), "", /"ipam\.routes\[0\]\.dst": "10\.0\.0\.0" is not/],
    [net({}), "IP=10.10.0.1", /CNI_ARGS "IP": "10\.10\.0\.1" is not an address with a prefix/],
    [net({}), "IP=10.10.0.1/24;GATEWAY=gw", /CNI_ARGS "GATEWAY": "gw" is not/],
    [net({}), "IP=10.10.0.1/24;HOST=a", /"HOST=a": unknown keys/],
    [net({}, { args: { cni: { ips: ["10.10.0.1"] } } }), "", /"args\.cni\.ips\[0\]": "10\.10\.0\.1" is not/],
    [net({}, runtimeConfig), "", /"runtimeConfig\.ips\[0\]": "10\.10\.0\.1" is not/],
  ];
  for (const [conf, args, sentence] of cases) {
    const { msg, code } = failure(await machineOf().run("ADD", conf, args));
    assert.match(msg, sentence);
    assert.ok(code === 4 || code === 7, `${code} for ${msg}`);
  }
});

Deno.test("addresses twice, and gateways that cannot be one, are refused before anything is made", async () => {
  const cases: [JsonObject[], RegExp][] = [
    [[{ address: "10.1.0.5/24" }, { address: "10.1.0.5/16" }], /Cannot give 10\.1\.0\.5 twice/],
    [[{ address: "10.1.0.5/24", gateway: "fd01::1" }], /fd01::1: it is not an IPv4 address/],
    [[{ address: "10.1.0.5/24", gateway: "10.1.0.5" }], /10\.1\.0\.5: it is the container's own/],
  ];
  for (const [addresses, sentence] of cases) {
    assert.match(failure(await machineOf().run("ADD", net({ addresses }))).msg, sentence);
  }
  const fine = [
    { address: "10.1.0.5/32", gateway: "10.2.0.1" },
    { address: "10.1.0.6/24", gateway: "169.254.1.1" },
    { address: "fd01::5/64", gateway: "fe80::1" },
    { address: "fd01::6/128", gateway: "fd02::1" },
  ];
  assert.deepEqual(result(await machineOf().run("ADD", net({ addresses: fine }))).ips, fine);
});

Deno.test("CHECK finds an address and a gateway that the previous result does not have", async () => {
  const { run } = machineOf();
  const conf = net({ addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "fd01::5/64" }] });
  const made = result(await run("ADD", conf));
  const check = (change: Partial<CniResult>) =>
    run("CHECK", { ...conf, prevResult: asPrevious({ ...made, ...change }) });
  done(await check({}));
  const [v4, v6] = made.ips ?? [];
  assert.ok(v4 && v6);
  // Whoever is behind static may fill in a gateway that it did not give.
  done(await check({ ips: [v4, { ...v6, gateway: "fd01::1" }] }));
  assert.match(failure(await check({ ips: [v4] })).msg, /expected address fd01::5\/64, found 10\.1\.0\.5\/24/);
  const other = { ...v4, gateway: "10.1.0.2" };
  assert.match(
    failure(await check({ ips: [other, v6] })).msg,
    /gateway 10\.1\.0\.1 of 10\.1\.0\.5\/24, found 10\.1\.0\.2/,
  );
  assert.match(failure(await run("CHECK", conf)).msg, /no "prevResult"/);
});

Deno.test("STATUS says what is wrong with the configuration by itself", async () => {
  const { machine } = machineOf();
  const status = (ipam: JsonObject) => {
    const raw = net(ipam);
    return machine.run(runStatus(staticIpam, { raw, cniVersion: "1.1.0", path: "" }));
  };
  assert.equal((await status({ addresses: BOTH.slice(0, 1) }))._tag, "Success");
  assert.equal((await status({}))._tag, "Success", "the runtime may bring the addresses");
  assert.equal((await status({ addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.5" }] }))._tag, "Failure");
});
