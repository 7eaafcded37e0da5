/** The networks that are measured. */
import assert from "node:assert/strict";
import { asOne, dbnetIn, only, wishes } from "../../../bench/stage.ts";
import { dbnet } from "../../support/dbnet.ts";

const place = { leases: "/leases", folder: "/lab" };

Deno.test("what is measured is dbnet, with its leases in the lab and nothing added but as a gateway", () => {
  const { plugins, name } = dbnetIn(place);
  assert.equal(name, dbnet.name);
  assert.deepEqual(plugins.map(({ type }) => type), ["bridge", "tuning", "portmap"]);
  const [bridge] = plugins, [gateway] = dbnetIn(place, true).plugins;
  assert.equal(JSON.stringify(bridge?.["ipam"]).includes('"dataDir":"/leases"'), true);
  assert.deepEqual([bridge?.["isGateway"], bridge?.["ipMasq"]], [undefined, undefined]);
  assert.deepEqual([gateway?.["isGateway"], gateway?.["ipMasq"]], [true, true]);
});

Deno.test("parts of a list keep their order, and a list as one plugin holds all of them", () => {
  const list = dbnetIn(place);
  assert.deepEqual(only(list, "portmap", "bridge").plugins.map(({ type }) => type), ["bridge", "portmap"]);
  const { plugins: [cleat, ...rest] } = asOne(list);
  assert.deepEqual([cleat?.type, cleat?.["plugins"], rest], ["cleat", list.plugins, []]);
});

Deno.test("containers with different host ports have different, local MAC addresses", () => {
  const macs = [1, 255, 256, 65_535].map((port) => wishes(port).mac);
  assert.deepEqual(macs, ["02:00:00:00:00:01", "02:00:00:00:00:ff", "02:00:00:00:01:00", "02:00:00:00:ff:ff"]);
});
