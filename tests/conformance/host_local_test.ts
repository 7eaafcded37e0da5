/** Our host-local and Go's on one data directory, taking turns. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, type GoSuite, normal } from "../support/go_suite.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";

const bin = await builtBin();
/** Ours and Go's. */
const bothOf = (go: GoSuite) => [`${bin}/host-local`, `${go.bin}/host-local`] as const;

/** Taking turns: ours first. */
const suiteOf = (go: GoSuite, turn: number): string => bothOf(go)[turn % 2 === 0 ? 0 : 1];

const configIn = (lab: Lab, ipam: JsonObject, cniVersion = "1.0.0", others: JsonObject = {}): JsonObject => ({
  cniVersion,
  name: "shared",
  type: "bridge",
  ipam: { type: "host-local", dataDir: lab.leases, ...ipam },
  ...others,
});

const first = ({ ips }: JsonObject): string => {
  const ip = Array.isArray(ips) ? ips[0] : undefined;
  return ip instanceof Object && "address" in ip ? String(ip.address) : "";
};

eachSuite({
  ...besideGo("host-local: taking turns on one directory gives no address twice, and round robin goes on across both"),
  async fn(go) {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, { ranges: [[{ subnet: "10.12.0.0/29" }], [{ subnet: "fd12::/64" }]] });
    const add = (turn: number, id: string) => lab.ok(suiteOf(go, turn), { verb: "ADD", config, netns, id });
    const del = (turn: number, id: string) => lab.ok(suiteOf(go, turn), { verb: "DEL", config, netns, id });
    for (const [turn, last] of [2, 3, 4, 5].entries()) {
      assert.equal(first(await add(turn, `c${turn}`)), `10.12.0.${last}/29`);
    }
    assert.equal(Object.keys(leasesIn(lab.leases)).length, 8);
    await del(0, "c0");
    await del(1, "c1");
    assert.equal(first(await add(1, "c4")), "10.12.0.6/29", "the freed ones come last");
    assert.equal(first(await add(0, "c5")), "10.12.0.2/29");
    assert.equal(first(await add(1, "c6")), "10.12.0.3/29");
    for (const turn of [0, 1]) {
      const { code, stdout } = await lab.call(suiteOf(go, turn), { verb: "ADD", config, netns, id: "c7" });
      assert.equal(code, 1, "the range is exhausted");
      assert.match(stdout, /10\.12\.0\.1-10\.12\.0\.6/);
    }
    for (const [turn, id] of ["c6", "c5", "c4", "c3", "c2"].entries()) {
      const before = Object.values(leasesIn(lab.leases));
      await del(turn, id);
      const after = Object.values(leasesIn(lab.leases));
      assert.deepEqual(after, before.filter((owner) => owner !== `${id}\r\neth0`), "each deletes only its own");
    }
    assert.deepEqual(leasesIn(lab.leases), {});
  },
});

eachSuite({
  ...besideGo("host-local: files and results of each ADD and DEL are those of Go's, in every version"),
  async fn(go) {
    for (const version of go.versions) {
      const seen = [];
      for (const file of bothOf(go)) {
        using lab = new Lab(bin);
        const netns = lab.container();
        const ranges = [[{ subnet: "10.12.0.0/24", rangeStart: "10.12.0.9", gateway: "10.12.0.10" }], [{
          subnet: "fd12::/64",
        }]];
        const config = configIn(lab, { ranges, routes: [{ dst: "0.0.0.0/0" }] }, version);
        const results = [];
        for (const id of ["c1", "c2"]) results.push(await lab.ok(file, { verb: "ADD", config, netns, id }));
        await lab.ok(file, { verb: "DEL", config, netns, id: "c1" });
        seen.push({ results: normal(results, lab), files: tree(lab.leases) });
      }
      assert.deepEqual(seen[0], seen[1], version);
    }
  },
});

eachSuite({
  ...besideGo("host-local: each suite's CHECK and DEL know the other's leases, also those of the old format"),
  async fn(go) {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, { subnet: "10.12.0.0/24" });
    for (const turn of [0, 1]) {
      const id = `c${turn}`;
      const result = await lab.ok(suiteOf(go, turn), { verb: "ADD", config, netns, id });
      const call = { config: { ...config, prevResult: result }, netns, id };
      await lab.ok(suiteOf(go, turn + 1), { ...call, verb: "CHECK" });
      await lab.ok(suiteOf(go, turn + 1), { ...call, verb: "DEL" });
      assert.deepEqual(leasesIn(lab.leases), {});
      await lab.ok(suiteOf(go, turn), { ...call, verb: "DEL" });
      Deno.writeTextFileSync(`${lab.leases}/shared/10.12.0.77`, id);
      Deno.writeTextFileSync(`${lab.leases}/shared/10.12.0.78`, "other");
      await lab.ok(suiteOf(go, 1), { ...call, verb: "CHECK" });
      await lab.ok(suiteOf(go, turn), { ...call, verb: "DEL" });
      assert.deepEqual(leasesIn(lab.leases), { "shared/10.12.0.78": "other" });
      Deno.removeSync(`${lab.leases}/shared/10.12.0.78`);
    }
    await lab.isClean();
  },
});

eachSuite({
  ...besideGo("host-local: wanted addresses and refusals are those of Go's"),
  async fn(go) {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ranges = [[{ subnet: "10.12.0.0/29" }], [{ subnet: "10.13.0.0/29", rangeStart: "10.13.0.4" }]];
    const wishes: readonly (readonly [JsonObject, string])[] = [
      [{ args: { cni: { ips: ["10.12.0.5"] } } }, ""],
      [{ runtimeConfig: { ips: ["10.13.0.6/29", "10.12.0.6/29"] } }, ""],
      [{}, "IgnoreUnknown=1;IP=10.13.0.5"],
      [{ args: { cni: { ips: ["10.13.0.3"] } } }, ""],
      [{ args: { cni: { ips: ["10.12.0.1"] } } }, ""],
      [{ args: { cni: { ips: ["10.14.0.1"] } } }, ""],
      [{}, "IP=nonsense"],
      [{}, "K=V"],
    ];
    for (const [others, CNI_ARGS] of wishes) {
      const seen = [];
      for (const file of bothOf(go)) {
        const call = { config: configIn(lab, { ranges }, "1.0.0", others), netns, env: { CNI_ARGS } };
        const ran = await lab.call(file, { ...call, verb: "ADD" });
        seen.push(ran.code === 0 ? JSON.parse(ran.stdout) : ran.code);
        if (ran.code === 0) await lab.ok(file, { ...call, verb: "DEL" });
        assert.deepEqual(leasesIn(lab.leases), {}, `${file} ${JSON.stringify(others)} ${CNI_ARGS}`);
      }
      const what = `${JSON.stringify(others)} ${CNI_ARGS}`;
      // Where nothing is wished for one of the sets the pointer decides, so only what was wished for is compared.
      assert.equal(typeof seen[0], typeof seen[1], `${what}: ${JSON.stringify(seen)}`);
    }
  },
});

eachSuite({
  ...besideGo("host-local: 6 of ours and 6 of Go's at once on one directory get 12 addresses"),
  async fn(go) {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, { subnet: "10.12.0.0/24" });
    const ids = Array.from({ length: 12 }, (_, i) => `c${i}`);
    const all = (verb: "ADD" | "DEL") =>
      Promise.all(ids.map((id, turn) => lab.ok(suiteOf(go, turn), { verb, config, netns, id })));
    assert.equal(new Set((await all("ADD")).map(first)).size, 12);
    await all("DEL");
    assert.deepEqual(leasesIn(lab.leases), {});
  },
});
