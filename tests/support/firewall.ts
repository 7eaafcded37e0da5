/** Bridge and firewall in labs: containers of networks, and what lets them through. */
import type { JsonObject } from "../../src/spec/json.ts";
import { ipamIn, type Lab } from "./lab.ts";
import type { Netns } from "./netns.ts";

/** A network of a bridge. */
export interface FirewallNet {
  readonly name: string;
  readonly bridge: string;
  /** With host-local. */
  readonly subnets: readonly string[];
  /** Keys of firewall. */
  readonly settings?: JsonObject;
  readonly cniVersion?: string;
}

/** A container that was attached. */
export interface Guest {
  readonly id: string;
  readonly netns: Netns;
  /** Its addresses, without prefixes. */
  readonly ips: readonly string[];
  /** What firewall is asked with: its keys, and the bridge's result as `prevResult`. */
  readonly config: JsonObject;
  /** What firewall has answered. */
  readonly result: JsonObject;
}

const bridgeOf = (lab: Lab, { name, bridge, subnets, cniVersion = "1.0.0" }: FirewallNet): JsonObject => ({
  cniVersion,
  name,
  type: "bridge",
  bridge,
  isDefaultGateway: true,
  ipMasq: false,
  ipam: ipamIn(lab, ...subnets),
});

/** The addresses of a result of the versions since 0.3.0, without prefixes. */
export const ipsOf = ({ ips }: JsonObject): readonly string[] =>
  (Array.isArray(ips) ? ips : []).map((ip) =>
    String(ip instanceof Object && "address" in ip ? ip.address : "").split("/")[0] ?? ""
  );

/** Attaches a container by our bridge and the firewall of these executables: a folder, or files by name of the lab. */
export async function admit(
  lab: Lab,
  net: FirewallNet,
  id: string,
  { firewall = "firewall", bin, env = {} }: { firewall?: string; bin: string; env?: Record<string, string> },
): Promise<Guest> {
  const netns = lab.container();
  const { name, settings = {}, cniVersion = "1.0.0" } = net;
  const prevResult = await lab.ok(`${bin}/bridge`, {
    verb: "ADD",
    config: bridgeOf(lab, net),
    netns,
    id,
    env: { CNI_PATH: bin },
  });
  const config = { cniVersion, name, type: "firewall", ...settings, prevResult };
  const result = await lab.ok(firewall, { verb: "ADD", config, netns, id, env });
  return { id, netns, ips: ipsOf(prevResult), config, result };
}

/** Detaches it from the bridge. */
export const dismiss = (lab: Lab, net: FirewallNet, { id, netns }: Guest, bin: string): Promise<JsonObject> =>
  lab.ok(`${bin}/bridge`, { verb: "DEL", config: bridgeOf(lab, net), netns, id, env: { CNI_PATH: bin } });

/** The rules of the table filter of both programs, as they print them. */
export const filterOf = (host: Netns): { readonly v4: readonly string[]; readonly v6: readonly string[] } => {
  const lines = (text: string) => text.split("\n").filter((line) => /^-[AN]/.test(line));
  return { v4: lines(host.sh("iptables -S").stdout), v6: lines(host.sh("ip6tables -S").stdout) };
};
