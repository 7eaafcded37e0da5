/** A network with something of everything, whose plugins are executed one by one, or as one `cleat`, in a lab. */
import assert from "node:assert/strict";
import { deriveRequestConfig } from "../../src/spec/derive_request.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { NetworkList } from "../../src/spec/network_list.ts";
import { ipamIn, type Lab } from "./lab.ts";
import type { Netns } from "./netns.ts";
import { listOf } from "./one_by_one.ts";
import { dial, serve } from "./traffic.ts";

const SOMAXCONN = "cat /proc/sys/net/core/somaxconn";

/** What the container asks for. */
export const CAPABILITIES = {
  mac: "02:00:00:00:00:21",
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
};

/** The network, on the bridge br21. */
export const netIn = (lab: Lab, macspoofchk = true, cniVersion = "1.1.0"): NetworkList =>
  listOf([
    {
      type: "bridge",
      bridge: "br21",
      isDefaultGateway: true,
      ipMasq: true,
      macspoofchk,
      ipam: ipamIn(lab, "10.21.0.0/24", "fd21::/64"),
    },
    { type: "tuning", capabilities: { mac: true }, mtu: 1400, sysctl: { "net.core.somaxconn": "500" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ], { name: "nestnet", cniVersion });

/** The verbs of a runtime. */
export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

/** Executes every plugin of the list, as libcni would; each must succeed. Answers the last result. */
export async function run(
  lab: Lab,
  list: NetworkList,
  verb: Verb,
  netns: Netns | undefined,
  given: { readonly prevResult?: JsonObject; readonly bare?: boolean } = {},
): Promise<JsonObject> {
  let result = given.prevResult ?? null;
  for (const plugin of verb === "DEL" ? list.plugins.toReversed() : list.plugins) {
    const parameters = { command: verb, prevResult: result, capabilityArgs: CAPABILITIES, validAttachments: [] };
    const config = given.bare
      ? { cniVersion: list.cniVersion, name: list.name, type: plugin.type }
      : deriveRequestConfig(list, plugin, parameters);
    const answer = await lab.ok(plugin.type, { verb, config, netns });
    if (verb === "ADD") result = answer;
  }
  return result ?? {};
}

/** The container has its MAC and its sysctl, and answers on its host port. */
export async function isAttached(lab: Lab, netns: Netns): Promise<void> {
  await using _served = serve(netns, 80, "hello ");
  assert.match(await dial(lab.host, "127.0.0.1", 8080), /^hello /);
  assert.match(netns.must("ip link show eth0"), new RegExp(CAPABILITIES.mac));
  assert.equal(netns.must(SOMAXCONN), "500\n");
}

/** Nothing is left on the host, and the namespace is as a new one. */
export const isUntouched = async (lab: Lab, netns: Netns): Promise<void> => {
  await lab.isClean(...lab.remains().links.filter((link) => link === "br21"));
  assert.equal(netns.must("ip -o link").split("\n").length, 2);
  assert.equal(netns.must(SOMAXCONN), lab.host.must(SOMAXCONN));
};
