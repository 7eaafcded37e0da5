import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { bitsOf, formatCidr, formatIp } from "../../src/spec/cidr.ts";
import { parseResult } from "../../src/spec/parse_result.ts";
import { printResult, renderResult } from "../../src/spec/render_result.ts";
import type { CniResult, ResultIp, ResultRoute } from "../../src/spec/result.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { forSeeds, type Random } from "./spec_random.ts";

const ipOf = ({ bits }: Random, family: 4 | 6) => ({
  family,
  value: family === 4 ? bits(32) : (0xfdn << 120n) | bits(120),
});

const addressOf = (random: Random, family: 4 | 6): string => formatIp(ipOf(random, family));

const cidrOf = (random: Random, family: 4 | 6): string =>
  formatCidr({ ip: ipOf(random, family), prefix: random.below(bitsOf(family) + 1) });

/** `key` with a value, or nothing. */
const maybe = <K extends string, V>({ below }: Random, key: K, value: () => V): { [P in K]?: V } =>
  (below(2) === 0 ? {} : { [key]: value() }) as { [P in K]?: V };

const anyIp = (random: Random): ResultIp => {
  const family = random.pick([4, 6] as const);
  return {
    address: cidrOf(random, family),
    ...maybe(random, "gateway", () => addressOf(random, family)),
    ...maybe(random, "interface", () => random.below(3)),
  };
};

const anyRoute = (random: Random): ResultRoute => {
  const family = random.pick([4, 6] as const);
  return {
    dst: cidrOf(random, family),
    ...maybe(random, "gw", () => addressOf(random, family)),
    ...maybe(random, "mtu", () => 1 + random.below(9000)),
    ...maybe(random, "advmss", () => 1 + random.below(9000)),
    ...maybe(random, "priority", () => 1 + random.below(9000)),
    ...maybe(random, "table", () => random.below(300)),
    ...maybe(random, "scope", () => random.pick([0, 253, 254])),
  };
};

const filled = <K extends string, V>(key: K, list: readonly V[]) =>
  (list.length === 0 ? {} : { [key]: list }) as { readonly [P in K]?: readonly V[] };

/** A result as parsing leaves it: nothing in it that says nothing. */
const anyResult = (random: Random): CniResult => ({
  cniVersion: "1.1.0",
  ...filled(
    "interfaces",
    random.list(3, () => ({
      name: random.pick(["eth0", "cni0", ""]),
      ...maybe(random, "mac", () => "02:00:00:00:00:01"),
      ...maybe(random, "mtu", () => 1500),
      ...maybe(random, "sandbox", () => "/run/netns/x"),
      ...maybe(random, "socketPath", () => "/run/s"),
      ...maybe(random, "pciID", () => "0000:04:00.5"),
    })),
  ),
  ...filled("ips", random.list(3, () => anyIp(random))),
  ...filled("routes", random.list(3, () => anyRoute(random))),
  ...maybe(random, "dns", () => ({ nameservers: ["10.0.0.53"], ...maybe(random, "domain", () => "lab.test") })),
});

const render = (result: CniResult, version: string) => Effect.runSync(renderResult(result, version));
const parse = (text: string) => Effect.runSync(parseResult(JSON.parse(text), ""));

/** Through the text of one version. */
const through = (result: CniResult, version: string): CniResult => parse(Effect.runSync(printResult(result, version)));

Deno.test("[E29, E37, J104] 1.0.0 and 1.1.0 lose nothing, there and back", () => {
  forSeeds(500, (random) => {
    const result = anyResult(random);
    assert.deepEqual(through(through(result, "1.0.0"), "1.1.0"), result);
  });
});

Deno.test("[E33, E38] 0.3.0 to 0.4.0 lose the interface extras of 1.1.0 and nothing else", () => {
  forSeeds(500, (random) => {
    const result = anyResult(random);
    const kept = result.interfaces?.map(({ mtu: _mtu, socketPath: _path, pciID: _id, ...rest }) => rest);
    const expected = { ...result, ...(kept === undefined ? {} : { interfaces: kept }) };
    for (const version of ["0.3.0", "0.3.1", "0.4.0"]) {
      assert.deepEqual(through(result, version), { ...expected, cniVersion: version });
    }
  });
});

Deno.test("[E30, E31, E37, J100] what 0.2.0 can say survives 0.4.0 and 1.1.0 and comes back", () => {
  let compared = 0;
  forSeeds(500, (random) => {
    const result = anyResult(random);
    if (result.ips === undefined) return;
    compared++;
    const old = through(result, "0.2.0");
    for (const version of ["0.1.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
      assert.deepEqual(render(through(old, version), "0.2.0"), render(old, "0.2.0"), version);
    }
  });
  assert(compared > 200, `only ${compared} results had addresses`);
});

Deno.test("[E28, E32, J125] a result reads back in every version it can be given in, addresses unchanged", () => {
  forSeeds(300, (random) => {
    const result = anyResult(random);
    for (const version of VERSIONS.filter((version) => version >= "0.3.0")) {
      const back = through(result, version);
      assert.equal(back.cniVersion, version);
      assert.deepEqual(back.ips, result.ips);
      assert.deepEqual(back.routes, result.routes);
      assert.deepEqual(back.dns, result.dns);
    }
  });
});
