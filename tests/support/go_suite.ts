/** Comparing with the Go plugins: twins of labs, and what a container and its host look like without chance in it. */
import type { Json, JsonObject } from "../../src/spec/json.ts";
import { isJsonObject } from "../../src/spec/json.ts";
import { can, unless } from "./capabilities.ts";
import type { Lab } from "./lab.ts";
import type { Netns } from "./netns.ts";
import { newerSuite } from "./newer_suite.ts";

/** The folder of the Go plugins; tests that use it are skipped where there is none. */
export const goBin = can.peer ?? "/usr/lib/cni";

/** Names a test that needs the Go plugins and what they need; skipped visibly where they are missing. */
export const besideGo = (name: string) =>
  unless(
    can.peer !== null && can.netns && can.bridge && can.veth && can.nft && can.ip && can.iptables,
    name,
    "no Go plugins in /usr/lib/cni, or no bridge, veth, nft or iptables",
  );

/** Spec versions both suites speak. */
export const SHARED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"] as const;

/** One of them for each form of result and each set of verbs. */
export const SHARED_FORMS = ["0.2.0", "0.3.1", "0.4.0", "1.0.0"] as const;

/** A release of Go's plugins. */
export interface GoSuite {
  /** The folder of its plugins. */
  readonly bin: string;
  /** The spec versions to compare in: all, and one for each form of result and set of verbs. */
  readonly versions: readonly string[];
  readonly forms: readonly string[];
  /** The newest spec version it speaks. */
  readonly newest: string;
  /** Put behind the name of a test. */
  readonly mark: string;
}

const newer = newerSuite();

/** The release that is installed. */
export const INSTALLED: GoSuite = {
  bin: goBin,
  versions: SHARED_VERSIONS,
  forms: SHARED_FORMS,
  newest: "1.0.0",
  mark: "",
};

/** The release that `deno task newer-suite` fetches, or null. What the installed one shows in older forms is not repeated. */
export const NEWER: GoSuite | null = newer === null
  ? null
  : { bin: newer.plugins, versions: ["1.1.0"], forms: ["1.1.0"], newest: "1.1.0", mark: ` (Go's ${newer.release})` };

/** A test beside a release of Go's plugins. */
export interface SuiteTest {
  readonly name: string;
  readonly ignore: boolean;
  /** Plugins that not every release has. */
  readonly plugins?: readonly string[];
  readonly fn: (go: GoSuite) => Promise<void>;
}

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

const besideSuite = (go: GoSuite, { name, ignore, plugins = [], fn }: SuiteTest): void => {
  const lacks = plugins.find((plugin) => !isFile(`${go.bin}/${plugin}`));
  const marked = { name: `${name}${go.mark}`, ignore };
  const test = ignore || lacks === undefined ? marked : unless(false, marked.name, `Go's suite has no ${lacks} there`);
  Deno.test({ ...test, fn: () => fn(go) });
};

/** A test beside the release that is installed alone. */
export const installedOnly = (test: SuiteTest): void => besideSuite(INSTALLED, test);

/** A test beside the newer release alone, skipped visibly where it is not here. */
export function newerOnly(test: SuiteTest): void {
  if (NEWER !== null) return besideSuite(NEWER, test);
  const name = test.ignore ? test : unless(false, test.name, "no newer suite of Go's: deno task newer-suite");
  Deno.test({ ...name, fn: () => {} });
}

/** The same test beside each release: the one that is installed, and the newer one. */
export function eachSuite(test: SuiteTest): void {
  besideSuite(INSTALLED, test);
  newerOnly({ ...test, name: NEWER === null ? `${test.name} (Go's newer release)` : test.name });
}

/** A folder in the lab that leads to these Go plugins and no others: a part of a CNI_PATH. */
export function goPlugins(folder: string, names: readonly string[], { bin }: GoSuite = INSTALLED): string {
  Deno.mkdirSync(folder, { recursive: true });
  for (const name of names) Deno.symlinkSync(`${bin}/${name}`, `${folder}/${name}`);
  return folder;
}

/** A result without what is chance: MAC addresses, the names of host ends, paths, an empty `dns`. */
export function normal(value: Json, lab: Lab): Json {
  if (typeof value === "string") {
    return value.replace(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "MAC").replace(/^veth[0-9a-f]+$/, "VETH")
      .replace(/^\/proc\/\d+\/fd\/\d+$/, "NETNS").replace(lab.folder, "LAB");
  }
  if (Array.isArray(value)) return value.map((each) => normal(each, lab));
  if (!isJsonObject(value)) return value;
  // Older releases of Go's suite print an empty "dns" in every version.
  const entries = Object.entries(value).filter(([key, each]) => key !== "dns" || JSON.stringify(each) !== "{}");
  return Object.fromEntries(entries.map(([key, each]) => [key, normal(each, lab)]));
}

const lines = (text: string): readonly string[] => text.split("\n").map((line) => line.trim()).filter((line) => line);

const sysctls = (ns: Netns, ...keys: readonly string[]): string =>
  keys.map((key) => `${key}=${ns.sh(`cat /proc/sys/net/${key}`).stdout.trim()}`).join("\n");

/** Addresses of a link, however duplicate address detection was kept from delaying them. */
const addressesOf = (ns: Netns, link: string): readonly string[] =>
  lines(ns.must(`ip -o address show dev ${link} scope global`))
    .map((line) => line.replace(/^\d+: /, "").replace(/ (tentative|nodad)/g, ""));

/** What the container sees of its network: link, addresses, routes, sysctls. */
export const insideOf = (ns: Netns): JsonObject => {
  const [link] = JSON.parse(ns.must("ip -d -j link show eth0"));
  return {
    link: { mtu: link.mtu, kind: link.linkinfo?.info_kind ?? "", up: link.flags.includes("UP"), state: link.operstate },
    addresses: addressesOf(ns, "eth0"),
    routes: lines(ns.must("ip route; ip -6 route")).filter((line) => !/^fe80/.test(line)).sort(),
    sysctls: sysctls(
      ns,
      "ipv4/conf/eth0/arp_notify",
      "ipv6/conf/eth0/accept_dad",
      "ipv6/conf/eth0/disable_ipv6",
      "ipv6/conf/lo/disable_ipv6",
    ),
  };
};

/** What the host's bridge and forwarding are like. */
export const gatewayOf = (host: Netns, bridge: string): JsonObject => {
  const [link] = JSON.parse(host.must(`ip -d -j link show ${bridge}`));
  return {
    link: { mtu: link.mtu, promiscuity: link.promiscuity, up: link.flags.includes("UP") },
    addresses: addressesOf(host, bridge),
    sysctls: sysctls(
      host,
      "ipv4/ip_forward",
      "ipv6/conf/all/forwarding",
      `ipv6/conf/${bridge}/accept_ra`,
    ),
  };
};
