/** A network that Go's plugins have made, and what is left of it on the host. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import type { GoSuite } from "./go_suite.ts";
import { ipamIn, type Lab, leasesIn, tree } from "./lab.ts";
import type { Netns } from "./netns.ts";

/** A container that Go's bridge, tuning and portmap have attached. */
export interface Adopted {
  readonly id: string;
  readonly netns: Netns;
  /** The configs for later verbs, bridge's first. */
  readonly configs: readonly JsonObject[];
}

/** Attaches a container with Go's plugins, one after the other, to the network "swap" on "cni0". */
export async function attachWithGo(
  lab: Lab,
  { bin, newest }: GoSuite,
  id: string,
  hostPort: number,
  more: JsonObject = {},
): Promise<Adopted> {
  const netns = lab.container();
  const common = { cniVersion: newest, name: "swap" };
  const settings: readonly JsonObject[] = [
    {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      ipam: ipamIn(lab, "10.44.0.0/24", "fd44::/64"),
      ...more,
    },
    { type: "tuning", mtu: 1400, dataDir: `${lab.folder}/tuning` },
    {
      type: "portmap",
      runtimeConfig: {
        portMappings: [
          { hostPort, containerPort: 80, protocol: "tcp" },
          { hostPort: hostPort + 1000, containerPort: 53, protocol: "udp" },
        ],
      },
    },
  ];
  let prevResult: JsonObject = {};
  for (const setting of settings) {
    const config = { ...common, ...setting, prevResult };
    prevResult = await lab.ok(`${bin}/${setting.type}`, {
      verb: "ADD",
      config: setting.type === "bridge" ? { ...common, ...setting } : config,
      netns,
      id,
      env: { CNI_PATH: bin },
    });
  }
  return { id, netns, configs: settings.map((setting) => ({ ...common, ...setting, prevResult })) };
}

/** Runs a verb of every plugin in `folder`, DEL in reverse. */
export async function runAll(
  lab: Lab,
  folder: string,
  verb: "CHECK" | "DEL",
  { id, netns, configs }: Adopted,
  without: "netns" | "prevResult" | "nothing" = "nothing",
): Promise<void> {
  for (const config of verb === "DEL" ? configs.toReversed() : configs) {
    const { prevResult, ...bare } = config;
    await lab.ok(`${folder}/${config.type}`, {
      verb,
      config: without === "prevResult" || prevResult === undefined ? bare : config,
      ...(without === "netns" ? {} : { netns }),
      id,
      env: { CNI_PATH: folder },
    });
  }
}

/** Everything on the host that can be an attachment's: rules without their counters, links, leases, backups. */
export const remainsIn = (lab: Lab): JsonObject => ({
  iptables: lab.host.must("iptables-save -t nat; ip6tables-save -t nat").split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, "")),
  tables: lab.host.must("nft list ruleset").split("\n").filter((line) =>
    /cni_|cleat|macspoofchk|elements|comment/.test(line)
  ),
  links: lab.remains().links.map((name) => name.replace(/^veth.*/, "VETH")),
  leases: leasesIn(lab.leases),
  backups: Object.keys(tree(`${lab.folder}/tuning`)).sort(),
});

/** Nothing bears the container's name or is one of its own chains. */
export function bearsNothing(lab: Lab, id: string): void {
  const remains = JSON.stringify(remainsIn(lab));
  assert.ok(!new RegExp(`\\b${id}\\b`).test(remains), remains);
}
