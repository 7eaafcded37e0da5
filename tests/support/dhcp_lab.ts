/** A lab with a DHCP server on a bridge of its host, containers on that bridge, and a DHCP daemon. */
import type { JsonObject } from "../../src/spec/json.ts";
import { can, unless } from "./capabilities.ts";
import { Lab } from "./lab.ts";
import type { Netns } from "./netns.ts";
import { Talker } from "./talker.ts";

const isThere = (file: string): boolean => {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
};

/** Servers that Debian has. */
export const DNSMASQ = "/usr/sbin/dnsmasq", DHCPD = "/usr/sbin/dhcpd";

/** Names a test that needs a DHCP server; skipped visibly where it is missing. */
export const withServer = (name: string, server = DNSMASQ, works = true) =>
  unless(
    works && isThere(server) && can.netns && can.bridge && can.veth && can.ip,
    name,
    `no ${server}, bridge or veth`,
  );

/** The lab. The host is 192.168.1.1 on the bridge; addresses begin with 192.168.1.5. */
export class DhcpLab extends Lab {
  readonly socket = `${this.folder}/run/dhcp.sock`;

  constructor(...bin: readonly string[]) {
    super(...bin);
    // Without an address of its own a bridge takes the lowest of its ports, and releases go to where the server was.
    this.host.must(
      `ip link add br0 address 02:00:00:00:00:fe type bridge; ip address add 192.168.1.1/24 dev br0; ip link set br0 up`,
    );
  }

  /** A namespace with links on the bridge. */
  client(...names: readonly string[]): Netns {
    const ns = this.container();
    for (const name of names.length === 0 ? ["eth0"] : names) this.connect(ns, name);
    return ns;
  }

  #count = 0;

  /** One more link of a namespace on the bridge. It is down, as main plugins have it when they ask for an address. */
  connect(ns: Netns, name = "eth0"): void {
    const port = `port${++this.#count}`;
    this.host.must(`ip link add ${port} type veth peer name ${name} netns ${ns.path}
      ip link set ${port} master br0 up`);
  }

  /** dnsmasq on the bridge, with one address for each lease in order. */
  async dnsmasq(range = "192.168.1.5,192.168.1.254,300", ...more: readonly string[]): Promise<Talker> {
    const server = new Talker(this.host, DNSMASQ, [
      "--no-daemon",
      "--conf-file=/dev/null",
      "--no-resolv",
      "--no-hosts",
      "--port=0",
      "--interface=br0",
      "--bind-interfaces",
      "--no-ping",
      "--dhcp-sequential-ip",
      "--dhcp-authoritative",
      `--dhcp-range=${range}`,
      `--dhcp-leasefile=${this.folder}/dnsmasq.leases`,
      "--log-dhcp",
      "--log-facility=-",
      "--user=root",
      ...more,
    ]);
    await server.until(/DHCP, sockets bound/);
    return server;
  }

  /** ISC's dhcpd on the bridge. */
  async dhcpd(options: string): Promise<Talker> {
    const conf = `${this.folder}/dhcpd.conf`, leases = `${this.folder}/dhcpd.leases`;
    Deno.writeTextFileSync(
      conf,
      `authoritative; ping-check false;\nsubnet 192.168.1.0 netmask 255.255.255.0 {
        range 192.168.1.5 192.168.1.20; option routers 192.168.1.1;\n${options}\n}\n`,
    );
    Deno.writeTextFileSync(leases, "");
    const files = ["-cf", conf, "-lf", leases, "-pf", `${this.folder}/dhcpd.pid`];
    const server = new Talker(this.host, DHCPD, ["-4", "-d", "-f", ...files, "br0"]);
    await server.until(/Server starting service/);
    return server;
  }

  /** A daemon on `socket`, started from the first folder of executables, or from another file. */
  async daemon(flags: readonly string[] = [], file = this.file("dhcp")): Promise<Talker> {
    const args = ["daemon", "-socketpath", this.socket, ...flags];
    const daemon = new Talker(this.host, file, args, { CLEAT_STATE_DIR: this.state });
    await daemon.until(/listens on/);
    return daemon;
  }

  /** Go's daemon says nothing when it is ready: its socket is there by then. */
  async goDaemon(file: string, flags: readonly string[] = []): Promise<Talker> {
    Deno.mkdirSync(`${this.folder}/run`, { recursive: true });
    const watcher = Deno.watchFs(`${this.folder}/run`);
    const daemon = new Talker(this.host, file, ["daemon", "-socketpath", this.socket, ...flags]);
    for await (const { paths } of watcher) if (paths.includes(this.socket)) break;
    return daemon;
  }

  /** A request config of the plugin. */
  conf(cniVersion = "1.1.0", ipam: JsonObject = {}): JsonObject {
    return { cniVersion, name: "lan", type: "dhcp", ipam: { type: "dhcp", daemonSocketPath: this.socket, ...ipam } };
  }
}
