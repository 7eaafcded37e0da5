import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Json, JsonObject } from "../../../src/spec/json.ts";
import { parsePrevResult, parseResult } from "../../../src/spec/parse_result.ts";
import { printResult, renderResult } from "../../../src/spec/render_result.ts";
import type { CniResult } from "../../../src/spec/result.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";

const parse = (raw: Json, hint = "1.1.0") => Effect.runSync(parseResult(raw, hint));
const refuse = (raw: Json, hint = "1.1.0") => Effect.runSync(Effect.flip(parseResult(raw, hint)));
const render = (result: CniResult, version: string) => Effect.runSync(renderResult(result, version));
const print = (result: CniResult, version: string) => Effect.runSync(printResult(result, version));

const FULL: CniResult = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1500 },
    { name: "eth0", sandbox: "/run/netns/x1", socketPath: "/run/s", pciID: "0000:04:00.5" },
  ],
  ips: [
    { address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 0 },
    { address: "fd00::2/64", interface: 1 },
    { address: "10.2.0.2/16" },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 10, table: 0, scope: 0 },
    { dst: "fd01::/48" },
  ],
  dns: { nameservers: ["10.1.0.53"], domain: "lab.test", search: ["lab.test"], options: ["ndots:2"] },
};

Deno.test("[E3, E4, E5, E6, E22, J95, J104] a 1.x result is read whole and written whole", () => {
  for (const version of ["1.0.0", "1.1.0"]) {
    const json = render(FULL, version);
    assert.deepEqual(json, { ...FULL, cniVersion: version });
    assert.deepEqual(parse(json), { ...FULL, cniVersion: version });
  }
});

Deno.test("[E2, E33, J99, J104, J125] 0.3.0 to 0.4.0 say the version of each address and lose the interface extras of 1.1.0", () => {
  for (const version of ["0.3.0", "0.3.1", "0.4.0"]) {
    const json = render(FULL, version);
    assert.deepEqual(json.interfaces, [
      { name: "cni0", mac: "02:00:00:00:00:01" },
      { name: "eth0", sandbox: "/run/netns/x1" },
    ]);
    assert.deepEqual(json.ips, [
      { version: "4", interface: 0, address: "10.1.0.2/16", gateway: "10.1.0.1" },
      { version: "6", interface: 1, address: "fd00::2/64" },
      { version: "4", address: "10.2.0.2/16" },
    ]);
    assert.deepEqual(json.routes, FULL.routes);
  }
});

Deno.test("[E1, E34, E35, J98, J99] 0.1.0 and 0.2.0 keep one address per family and dst and gw of its routes", () => {
  for (const version of ["0.1.0", "0.2.0"]) {
    assert.deepEqual(render(FULL, version), {
      cniVersion: version,
      ip4: { ip: "10.1.0.2/16", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] },
      ip6: { ip: "fd00::2/64", routes: [{ dst: "fd01::/48" }] },
      dns: FULL.dns,
    });
  }
  const four = render({ cniVersion: "", ips: [{ address: "10.0.0.2/8" }], routes: [{ dst: "::/0" }] }, "");
  assert.deepEqual(four, { cniVersion: "0.1.0", ip4: { ip: "10.0.0.2/8" }, dns: {} });
});

Deno.test("[E36, J102] 0.1.0 and 0.2.0 cannot say that there is no address", () => {
  const refused = Effect.runSync(Effect.flip(renderResult({ cniVersion: "1.1.0" }, "0.2.0")));
  assert.equal(refused.code, 1);
  assert.match(refused.msg, /"0\.2\.0": it has no IP address/);
});

Deno.test("[E21] there is no result of a version that was never released", () => {
  for (const version of ["1.0.1", "2.0.0", "1.1", "x"]) {
    assert.equal(Effect.runSync(Effect.flip(renderResult(FULL, version))).code, 1, version);
    assert.equal(refuse({ cniVersion: version }).code, 6, version);
  }
});

Deno.test("[E15] dns is always there before 1.0.0 and left out when empty since", () => {
  const result: CniResult = {
    cniVersion: "1.1.0",
    ips: [{ address: "10.0.0.2/8" }],
    dns: { nameservers: [], domain: "" },
  };
  for (const version of VERSIONS) {
    assert.deepEqual(render(result, version).dns, version.startsWith("0.") ? {} : undefined, version);
  }
});

Deno.test("[E13] the empty result of 1.1.0 is its version", () => {
  assert.deepEqual(render({ cniVersion: "1.0.0", interfaces: [], ips: [], routes: [] }, "1.1.0"), {
    cniVersion: "1.1.0",
  });
});

Deno.test("[E16] results are printed with 4 spaces, sorted from 1.0.0 on, without a final newline", () => {
  const result: CniResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01" }],
    ips: [{ address: "10.0.0.2/8", interface: 0 }],
  };
  assert.equal(
    print(result, "1.1.0"),
    `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "mac": "02:00:00:00:00:01",
            "name": "eth0"
        }
    ],
    "ips": [
        {
            "address": "10.0.0.2/8",
            "interface": 0
        }
    ]
}`,
  );
  assert.deepEqual(Object.keys(JSON.parse(print(FULL, "0.4.0"))), ["cniVersion", "interfaces", "ips", "routes", "dns"]);
});

Deno.test("[E1, E30, E31] a 0.2.0 result becomes addresses and routes, ip4 first", () => {
  const raw: JsonObject = {
    cniVersion: "0.2.0",
    ip6: { ip: "FD00::7/64", routes: [{ dst: "::/0" }] },
    ip4: { ip: "10.1.0.7/24", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400 }] },
    dns: {},
  };
  assert.deepEqual(parse(raw), {
    cniVersion: "0.2.0",
    ips: [{ address: "10.1.0.7/24", gateway: "10.1.0.1" }, { address: "fd00::7/64" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400 }, { dst: "::/0" }],
  });
});

Deno.test("[E25, I1, I14, J123] members match whatever their case, nulls are absent, unknown members are dropped", () => {
  const raw: JsonObject = {
    CNIVersion: "1.0.0",
    IPs: [{ Address: "10.0.0.2/8", Gateway: null, bogus: 1 }],
    Interfaces: null,
    dns: null,
    bogus: {},
  };
  assert.deepEqual(parse(raw), { cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/8" }] });
});

Deno.test("[E11, E17, E19, J126] addresses come out canonical; empty gateways are absent; -1 stays an index", () => {
  const raw: JsonObject = {
    cniVersion: "1.1.0",
    ips: [{ address: "::ffff:10.1.0.2/112", gateway: "", interface: -1 }],
    routes: [{ dst: "10.9.8.7/8", gw: "" }],
  };
  assert.deepEqual(parse(raw), {
    cniVersion: "1.1.0",
    ips: [{ address: "10.1.0.2/16", interface: -1 }],
    routes: [{ dst: "10.9.8.7/8" }],
  });
});

Deno.test("[E32, E34] the version of an address is told by the address, whatever 0.4.0 said", () => {
  const result = parse({
    cniVersion: "0.4.0",
    ips: [{ version: "6", address: "10.0.0.2/8" }, { address: "fd00::2/64" }],
  });
  assert.deepEqual(render(result, "0.4.0").ips, [
    { version: "4", address: "10.0.0.2/8" },
    { version: "6", address: "fd00::2/64" },
  ]);
});

Deno.test("[E23, J85, J121] without a version of its own a result has the config's, and that of 0.1.0 without either", () => {
  for (const own of [undefined, "", null, 5]) {
    const raw: JsonObject = own === undefined ? {} : { cniVersion: own };
    assert.equal(parse(raw, "0.4.0").cniVersion, "0.4.0");
    assert.equal(parse(raw, "").cniVersion, "0.1.0");
  }
  assert.equal(parse({ cniVersion: "0.3.1" }, "1.1.0").cniVersion, "0.3.1");
  assert.deepEqual(parse(null, "1.1.0"), { cniVersion: "1.1.0" });
});

Deno.test("[E18, J103, J126] a fault in a result names the place, the value and what would be right", () => {
  const faults: readonly (readonly [Json, number, RegExp])[] = [
    [[], 6, /"the whole": \[\] is not an object/],
    [{ ips: {} }, 6, /"ips": \{\} is not an array/],
    [{ ips: ["x"] }, 6, /"ips\[0\]": "x" is not an object/],
    [{ ips: [{}] }, 7, /"ips\[0\]\.address": null is not an address with a prefix/],
    [{ ips: [{ address: "10.0.0.1" }] }, 7, /"ips\[0\]\.address": "10\.0\.0\.1" is not/],
    [{ ips: [{ address: "10.0.0.1/8", gateway: "x" }] }, 7, /"ips\[0\]\.gateway": "x" is not an IP/],
    [{ ips: [{ address: "10.0.0.1/8", interface: 1.5 }] }, 6, /"ips\[0\]\.interface": 1\.5 is not a whole/],
    [{ ips: [{ address: "10.0.0.1/8", interface: "0" }] }, 6, /"ips\[0\]\.interface": "0" is not a whole/],
    [{ routes: [{ gw: "10.0.0.1" }] }, 7, /"routes\[0\]\.dst": null/],
    [{ interfaces: [{ name: 5 }] }, 6, /"interfaces\[0\]\.name": 5 is not a string/],
    [{ dns: { search: [1] } }, 6, /"dns\.search\[0\]": 1 is not a string/],
    [{ cniVersion: "0.2.0", ip4: {} }, 7, /"ip4\.ip": null/],
    [{ cniVersion: "0.2.0", ip4: { ip: "fd00::1/64" } }, 7, /"ip4\.ip": "fd00::1\/64" is not an IPv4 address/],
  ];
  for (const [raw, code, message] of faults) {
    const refused = refuse(raw);
    assert.equal(refused.code, code, JSON.stringify(raw));
    assert.match(refused.msg, message);
  }
});

Deno.test("[E20, E24, I11, J110] a prevResult has the shape of the config's version, and any version of that shape", () => {
  const run = (raw: Json, version: string) =>
    Effect.runSync(Effect.match(parsePrevResult(raw, version), {
      onSuccess: (result) => result.cniVersion,
      onFailure: (refused) => refused.code,
    }));
  assert.equal(run({ cniVersion: "0.3.0" }, "0.4.0"), "0.3.0");
  assert.equal(run({}, "0.4.0"), "0.4.0");
  assert.equal(run({ cniVersion: "0.4.0" }, "1.1.0"), 6);
  assert.equal(run({ cniVersion: "" }, "1.1.0"), 6);
  assert.equal(run({ cniVersion: "" }, "0.2.0"), "0.1.0");
  assert.equal(run({ cniVersion: 1 }, "1.1.0"), 6);
  assert.equal(run({}, "2.0.0"), 6);
});
