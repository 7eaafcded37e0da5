/** A host of a test's own with containers, a network outside, a state folder and a lease folder. */
import assert from "node:assert/strict";
import { Cleat } from "../../mod.ts";
import { residue } from "../../src/machines/entry.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { streamName } from "../../src/spec/key.ts";
import { type Netns, newNetns, type Ran } from "./netns.ts";
import { type Env, execIn, failed, succeeded } from "./plugin_exec.ts";

/** A verb for a container of the lab. */
export interface Call {
  readonly verb: "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";
  readonly config: JsonObject | string;
  /** The container's namespace: one of the lab, or a path. */
  readonly netns?: Netns | string | undefined;
  readonly id?: string;
  readonly ifName?: string;
  /** Added to, or replacing, the variables of the protocol. */
  readonly env?: Env;
}

/** What is left on a host: links but `lo`, addresses, routes, nf_tables elements and rules. */
export interface Remains {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly firewall: string;
}

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "").sort();

/** Files below a folder, with their paths in it and their contents; folders end in a slash. */
export function tree(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (path: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${path}`)) {
      if (isDirectory) walk(`${path}${name}/`);
      else found[`${path}${name}`] = Deno.readTextFileSync(`${folder}/${path}${name}`);
    }
  };
  try {
    walk("");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** Leases below a folder: `<network>/<address>` and whose it is. */
export const leasesIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree(folder)).filter(([path]) => !/(^|\/)(lock|last_reserved_ip\.\d+)$/.test(path)),
  );

/** The lab. Everything in it ends with the test. */
export class Lab {
  readonly host: Netns = newNetns({ lo: true });
  readonly folder: string = Deno.makeTempDirSync({ prefix: "cleat-lab-" });
  readonly state: string = `${this.folder}/state`;
  readonly leases: string = `${this.folder}/leases`;
  readonly #bin: string;
  readonly #namespaces: Netns[] = [this.host];

  /** `bin`: folders of executables, in the order in which they are searched. */
  constructor(...bin: readonly string[]) {
    this.#bin = bin.join(":");
  }

  /** The folders, as CNI_PATH has them. */
  get path(): string {
    return this.#bin;
  }

  /** A namespace for a container. */
  container(): Netns {
    const ns = newNetns({ lo: true });
    this.#namespaces.push(ns);
    return ns;
  }

  /**
   * A namespace behind the host's link `out0`: the host is 192.0.2.1 and 2001:db8::1 there, it is 192.0.2.2 and
   * 2001:db8::2, and it knows no other way back.
   */
  outside(): Netns {
    const ns = this.container();
    this.host.must(`ip link add out0 type veth peer name eth0
      ip link set eth0 netns ${ns.path}
      echo 0 > /proc/sys/net/ipv6/conf/out0/accept_dad; ip link set out0 up
      ip address add 192.0.2.1/24 dev out0; ip address add 2001:db8::1/64 dev out0`);
    ns.must(`echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up
      ip address add 192.0.2.2/24 dev eth0; ip address add 2001:db8::2/64 dev eth0`);
    return ns;
  }

  /** The first file of that name in the lab's folders. */
  file(plugin: string): string {
    const folder = this.#bin.split(":").find((folder) => {
      try {
        return Deno.statSync(`${folder}/${plugin}`).isFile;
      } catch {
        return false;
      }
    });
    if (folder === undefined) throw new Error(`Cannot find "${plugin}" in "${this.#bin}"`);
    return `${folder}/${plugin}`;
  }

  /** Runs a plugin. */
  call(plugin: string, { verb, config, netns, id = "c1", ifName = "eth0", env = {} }: Call): Promise<Ran> {
    const path = typeof netns === "string" ? netns : netns?.path;
    return execIn(this.host, plugin.startsWith("/") ? plugin : this.file(plugin), {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: id,
      CNI_IFNAME: ifName,
      CNI_NETNS: path,
      CNI_PATH: this.#bin,
      CLEAT_STATE_DIR: this.state,
      ...env,
    }, typeof config === "string" ? config : JSON.stringify(config));
  }

  /** Runs a plugin that must succeed; answers its result. */
  async ok(plugin: string, call: Call): Promise<JsonObject> {
    return succeeded(await this.call(plugin, call));
  }

  /** Runs a plugin that must fail; answers its error. */
  async refused(plugin: string, call: Call): Promise<ReturnType<typeof failed>> {
    return failed(await this.call(plugin, call));
  }

  /** Runs `cleat`. */
  cleat(args: readonly string[], env: Env = {}): Promise<Ran> {
    const all = { CLEAT_STATE_DIR: this.state, CNI_PATH: this.#bin, NETCONFPATH: this.folder, ...env };
    return execIn(this.host, this.file("cleat"), all, "", args);
  }

  /** What is on the host. Rules are compared as text, without the counters of handles. */
  remains(): Remains {
    const { host } = this;
    const links = lines(host.must("ip -o link")).map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? line);
    return {
      links: links.filter((name) => name !== "lo").sort(),
      addresses: lines(host.must("ip -o address show scope global")).map((line) => line.replace(/^\d+: /, "")),
      routes: lines(host.must("ip route show table all; ip -6 route show table all")).filter((line) =>
        !/ dev lo | fe80| ff00|linkdown/.test(line)
      ),
      firewall: host.sh("nft list ruleset").stdout,
    };
  }

  /** The last state of every stream of the log, by its name; "failed, undone" where a failed ADD left nothing to undo. */
  async states(): Promise<Record<string, string>> {
    await using cleat = new Cleat({ stateDir: this.state });
    const states: Record<string, string> = {};
    for (const id of await cleat.streams()) {
      const last = (await cleat.replay(id)).at(-1)?.after;
      const undone = last?.value === "failed" && residue(last.context.stack).length === 0;
      states[streamName(id)] = undone ? "failed, undone" : last?.value ?? "";
    }
    return states;
  }

  /**
   * Nothing of any attachment is left: no link but `kept`, no element in any set or map, no lease, and every stream of
   * the log ends in "detached", or in a failed ADD that was undone.
   */
  async isClean(...kept: readonly string[]): Promise<void> {
    const { links, firewall } = this.remains();
    assert.deepEqual(links, [...kept].sort(), "links are left on the host");
    assert.doesNotMatch(firewall, /elements = /, "elements are left in nf_tables");
    assert.deepEqual(leasesIn(this.leases), {}, "leases are left");
    const ends = ["detached", "failed, undone"];
    const open = Object.entries(await this.states()).filter(([, state]) => !ends.includes(state));
    assert.deepEqual(open, [], "streams are left open");
  }

  [Symbol.dispose](): void {
    for (const ns of this.#namespaces) ns[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** A range of host-local's in this lab. */
export const ipamIn = (lab: Lab, ...subnets: readonly string[]): JsonObject => ({
  type: "host-local",
  dataDir: lab.leases,
  ranges: subnets.map((subnet) => [{ subnet }]),
});
