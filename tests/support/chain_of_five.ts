/** Chains of five plugins in a lab, whose executables may come from any suite, and all that they leave on the host. */
import type { JsonObject } from "../../src/spec/json.ts";
import { ipamIn, type Lab, leasesIn, tree } from "./lab.ts";
import type { Netns } from "./netns.ts";
import { dial, serve } from "./traffic.ts";

/** The folder of the executable of a type. */
export type From = (type: string) => string;

/** All plugins from one folder. */
export const all = (folder: string): From => () => folder;

/** What filters and translates addresses on the host. */
export type Backend = "iptables" | "nftables";

const SUBNETS = ["10.44.0.0/24", "fd44::/64"];

const firstOf = (lab: Lab, type: "bridge" | "ptp", ipMasqBackend: Backend): JsonObject => ({
  type,
  ipMasq: true,
  ipMasqBackend,
  ...(type === "bridge" ? { bridge: "cni0", isDefaultGateway: true, macspoofchk: true } : {}),
  ipam: {
    ...ipamIn(lab, ...SUBNETS),
    ...(type === "ptp" ? { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] } : {}),
  },
});

/** A container of a chain. */
export interface Member {
  readonly id: string;
  readonly netns: Netns;
  readonly hostPort: number;
  readonly result: JsonObject;
}

/** The chain: bridge or ptp, tuning, bandwidth, firewall and portmap, on the network "swap". */
export class ChainOfFive {
  readonly lab: Lab;
  readonly cniVersion: string;
  readonly #plugins: readonly JsonObject[];
  readonly #folders: readonly string[];

  /** `folders`: all that an executable may come from. */
  constructor(lab: Lab, first: "bridge" | "ptp", backend: Backend, cniVersion: string, ...folders: readonly string[]) {
    this.lab = lab;
    this.cniVersion = cniVersion;
    this.#folders = folders;
    this.#plugins = [
      firstOf(lab, first, backend),
      { type: "tuning", mtu: 1400, sysctl: { "net.core.somaxconn": "500" }, dataDir: `${lab.folder}/tuning` },
      { type: "bandwidth", ingressRate: 8e8, ingressBurst: 8e7, egressRate: 8e8, egressBurst: 8e7 },
      { type: "firewall" },
      { type: "portmap", backend },
    ];
  }

  #run(verb: "ADD" | "CHECK" | "DEL" | "GC", plugin: JsonObject, from: From, more: JsonObject, who: Partial<Member>) {
    const { id, netns, hostPort = 0 } = who;
    const type = String(plugin.type);
    const portMappings = [{ hostPort, containerPort: 80, protocol: "tcp" }];
    return this.lab.ok(`${from(type)}/${type}`, {
      verb,
      config: {
        cniVersion: this.cniVersion,
        name: "swap",
        ...plugin,
        ...(type === "portmap" && verb !== "GC" ? { runtimeConfig: { portMappings } } : {}),
        ...more,
      },
      netns,
      ...(id === undefined ? {} : { id }),
      env: { CNI_PATH: [from("host-local"), ...this.#folders].join(":") },
    });
  }

  /** ADD of all plugins. */
  async attach(from: From, id: string, hostPort: number): Promise<Member> {
    const netns = this.lab.container();
    let result: JsonObject = {};
    for (const plugin of this.#plugins) {
      const more = plugin.ipam === undefined ? { prevResult: result } : {};
      result = await this.#run("ADD", plugin, from, more, { id, netns, hostPort });
    }
    return { id, netns, hostPort, result };
  }

  /** CHECK of the plugins that are not `but`. */
  async check(from: From, member: Member, ...but: readonly string[]): Promise<void> {
    for (const plugin of this.#plugins.filter(({ type }) => !but.includes(String(type)))) {
      await this.#run("CHECK", plugin, from, { prevResult: member.result }, member);
    }
  }

  /**
   * DEL of all plugins. Go's fail once, when all else is gone, where iptables has no masquerade chain for what was made
   * in nf_tables or by ours.
   */
  async detach(from: From, member: Member): Promise<void> {
    for (const plugin of this.#plugins.toReversed()) {
      const del = () => this.#run("DEL", plugin, from, { prevResult: member.result }, member);
      try {
        await del();
      } catch (error) {
        if (!/Chain 'CNI-[0-9a-f]{24}' does not exist/.test(String(error))) throw error;
        await del();
      }
    }
  }

  /** GC of all plugins, in a specification that has it. */
  async collect(from: From, ...valid: readonly Member[]): Promise<void> {
    const attachments = valid.map(({ id }) => ({ containerID: id, ifname: "eth0" }));
    const more = {
      cniVersion: "1.1.0",
      "cni.dev/valid-attachments": attachments,
      "cni.dev/attachments": attachments,
    };
    for (const plugin of this.#plugins) await this.#run("GC", plugin, from, more, {});
  }
}

/** Who reaches whom: the host and the outside the container by its port, the container the outside, and from where. */
export async function reached({ host }: Lab, outside: Netns, { netns, hostPort }: Member): Promise<readonly string[]> {
  await using _inside = serve(netns, 80, "the container saw ");
  await using _outside = serve(outside, 80, "the outside saw ");
  return [
    await dial(host, "127.0.0.1", hostPort),
    await dial(host, "192.0.2.1", hostPort),
    await dial(outside, "192.0.2.1", hostPort),
    await dial(netns, "192.0.2.2", 80),
    await dial(netns, "2001:db8::2", 80),
  ];
}

const lines = (text: string): readonly string[] => text.split("\n").map((line) => line.trim()).filter((line) => line);

/** All that an attachment can leave on the host: rules without counters, links, their queues, routes, leases, backups. */
export const leftIn = (lab: Lab): JsonObject => ({
  iptables: lines(lab.host.must("iptables-save; ip6tables-save")).filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, "")),
  nftables: lines(lab.host.must("nft list ruleset")).map((line) => line.replace(/counter packets \d+ bytes \d+/, "")),
  links: lab.remains().links.map((name) => name.replace(/^veth.*/, "VETH").replace(/^bwp.*/, "IFB")).sort(),
  queues: lines(lab.host.must("tc qdisc")).map((line) => line.replace(/dev \S+.*/, "")).sort(),
  routes: lines(lab.host.must("ip route; ip -6 route")).filter((line) => !line.startsWith("fe80"))
    .map((line) => line.replace(/dev veth\S*/, "dev VETH")).sort(),
  leases: leasesIn(lab.leases),
  backups: Object.keys(tree(`${lab.folder}/tuning`)).sort(),
});
