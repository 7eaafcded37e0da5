/** STATUS, VERSION and GC of our plugins beside those of Go's newer release, which answers them. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, newerOnly } from "../support/go_suite.ts";
import { ipamIn, Lab } from "../support/lab.ts";

const bin = await builtBin();

const TYPES = [
  "bandwidth",
  "bridge",
  "dummy",
  "firewall",
  "host-device",
  "host-local",
  "ipvlan",
  "loopback",
  "macvlan",
  "portmap",
  "ptp",
  "static",
  "tap",
  "tuning",
  "vlan",
];

/** Those that are given a plugin for addresses. */
const DELEGATING = ["bridge", "dummy", "ipvlan", "macvlan", "ptp", "tap", "vlan"];

const configIn = (lab: Lab, type: string): JsonObject => ({
  cniVersion: "1.1.0",
  name: "twin",
  type,
  ...(["ipvlan", "macvlan", "vlan"].includes(type) ? { master: "lo", vlanId: 5 } : {}),
  ...(type === "host-device" ? { device: "lo" } : {}),
  ...(type === "static" ? { ipam: { type, addresses: [{ address: "10.1.0.2/24" }] } } : {}),
  ...(DELEGATING.includes(type) || type === "host-local" ? { ipam: ipamIn(lab, "10.1.0.0/24") } : {}),
});

const versionsIn = ({ supportedVersions }: JsonObject): readonly unknown[] => {
  assert.ok(Array.isArray(supportedVersions));
  return supportedVersions;
};

newerOnly({
  ...besideGo("STATUS: both suites are ready, and both are not where the IPAM plugin is missing"),
  async fn(go) {
    using lab = new Lab(bin);
    const empty = `${lab.folder}/empty`;
    Deno.mkdirSync(empty);
    for (const type of TYPES) {
      for (const path of ["there", "missing"]) {
        const codes = [];
        for (const folder of [bin, go.bin]) {
          const env = { CNI_PATH: path === "there" ? folder : empty };
          const call = { verb: "STATUS", config: configIn(lab, type), env } as const;
          codes.push((await lab.call(`${folder}/${type}`, call)).code);
        }
        const expected = path === "missing" && DELEGATING.includes(type) ? 1 : 0;
        assert.deepEqual(codes, [expected, expected], `${type}, the IPAM plugin is ${path}`);
      }
    }
  },
});

newerOnly({
  ...besideGo("VERSION: our plugins speak every version that Go's speak, and none that is newer"),
  async fn(go) {
    using lab = new Lab(bin);
    const config = { cniVersion: "1.1.0" };
    for (const type of TYPES) {
      const [ours, theirs] = [
        await lab.ok(`${bin}/${type}`, { verb: "VERSION", config }),
        await lab.ok(`${go.bin}/${type}`, { verb: "VERSION", config }),
      ];
      const [known, expected] = [versionsIn(ours), versionsIn(theirs)];
      assert.deepEqual(expected.filter((version) => !known.includes(version)), [], type);
      assert.equal(known.at(-1), expected.at(-1), type);
    }
  },
});

newerOnly({
  ...besideGo("GC: both suites accept a network of which nothing is left, under either name of the attachments"),
  async fn(go) {
    using lab = new Lab(bin);
    for (const type of TYPES) {
      for (const name of ["cni.dev/valid-attachments", "cni.dev/attachments"]) {
        for (const folder of [bin, go.bin]) {
          const config = { ...configIn(lab, type), [name]: [{ containerID: "c1", ifname: "eth0" }] };
          await lab.ok(`${folder}/${type}`, { verb: "GC", config, env: { CNI_PATH: folder } });
        }
      }
    }
  },
});
