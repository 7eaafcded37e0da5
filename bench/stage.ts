/** The hosts, networks and containers that the sections work with. */
import { Cleat, type NetworkList } from "../mod.ts";
import type { Attachment } from "../src/runtime/attach.ts";
import type { JsonObject } from "../src/spec/json.ts";
import { gatewayDbnet } from "../tests/support/dbnet.ts";
import { Lab } from "../tests/support/lab.ts";
import type { Netns } from "../tests/support/netns.ts";
import { timed, type Times } from "./contest.ts";

/** A network list as it is written in a file. */
export interface ListText {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (JsonObject & { readonly type: string })[];
}

/** dbnet with its leases in the lab: as the specification has it, or as a gateway that masquerades. */
export function dbnetIn(lab: Pick<Lab, "leases" | "folder">, gateway = false): ListText {
  const list: ListText = JSON.parse(gatewayDbnet(lab, "1.0.0"));
  if (gateway) return list;
  return {
    ...list,
    plugins: list.plugins.map(({ isGateway: _, ipMasq: __, ...rest }) => ({ ...rest, type: rest.type })),
  };
}

/** The list with these plugins alone. */
export const only = (list: ListText, ...types: readonly string[]): ListText => ({
  ...list,
  plugins: list.plugins.filter(({ type }) => types.includes(type)),
});

/** The list as one plugin of type `cleat`. */
export const asOne = ({ plugins, ...list }: ListText): ListText => ({
  ...list,
  plugins: [{ type: "cleat", capabilities: { mac: true, portMappings: true }, plugins }],
});

/** What a container asks of dbnet: a MAC address of its own and host ports that lead to its port 80. */
export const wishes = (...hostPorts: readonly number[]) => ({
  mac: `02:00:00:00:${(hostPorts[0] ?? 0).toString(16).padStart(4, "0").replace(/^(..)/, "$1:")}`,
  portMappings: hostPorts.map((hostPort) => ({ hostPort, containerPort: 80, protocol: "tcp" })),
});

/** The library on the host of a lab, and one network there. */
export class Library {
  readonly lab: Lab;
  readonly cleat: Cleat;
  readonly list: NetworkList;

  private constructor(lab: Lab, cleat: Cleat, list: NetworkList) {
    this.lab = lab;
    this.cleat = cleat;
    this.list = list;
  }

  /** Opens it; what all attachments share is made by a first one, which goes again. */
  static async open(lab: Lab, text: ListText, netns: Netns): Promise<Library> {
    const cleat = new Cleat({ stateDir: lab.state });
    const library = new Library(lab, cleat, await cleat.parse(JSON.stringify(text)));
    await library.pair(library.container("first", netns, 9000));
    return library;
  }

  /** An attachment of the network. */
  container(containerId: string, netns: Netns, ...hostPorts: readonly number[]): Attachment {
    const cacheDir = `${this.lab.folder}/cache`;
    return { containerId, netns: netns.path, ifName: "eth0", cacheDir, capabilityArgs: wishes(...hostPorts) };
  }

  /** Runs something with the thread on the lab's host. */
  inside<T>(run: () => Promise<T>): Promise<T> {
    return this.lab.host.stay(run);
  }

  /** Attaches. */
  attach(attachment: Attachment): Promise<unknown> {
    return this.inside(() => this.cleat.attach(this.list, attachment));
  }

  /** ADD and DEL. */
  pair(attachment: Attachment): Promise<Times> {
    return this.inside(async () => ({
      add: await timed(() => this.cleat.attach(this.list, attachment)),
      del: await timed(() => this.cleat.detach(this.list, attachment)),
    }));
  }

  /** ADD, CHECK and DEL. */
  verbs(attachment: Attachment): Promise<Times> {
    return this.inside(async () => ({
      add: await timed(() => this.cleat.attach(this.list, attachment)),
      check: await timed(() => this.cleat.check(this.list, attachment)),
      del: await timed(() => this.cleat.detach(this.list, attachment)),
    }));
  }

  /** Gives back what the services hold. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.cleat[Symbol.asyncDispose]();
  }
}

/** A container that executables are told about. */
export interface Told {
  readonly netns: Netns;
  readonly id: string;
  readonly hostPorts: readonly number[];
}

/** Runs the executables of a list as a runtime does, verb by verb; how long each took, and each verb. */
export async function runExecutables(
  lab: Lab,
  { plugins, name, cniVersion }: ListText,
  { netns, id, hostPorts }: Told,
  verbs: readonly ("ADD" | "CHECK" | "DEL")[],
): Promise<Times> {
  const times: Record<string, number> = {};
  let result: JsonObject | null = null;
  for (const verb of verbs) {
    let sum = 0;
    for (const { capabilities: _, ...rest } of verb === "DEL" ? plugins.toReversed() : plugins) {
      const prevResult = result === null ? {} : { prevResult: result };
      const config = { ...rest, name, cniVersion, runtimeConfig: wishes(...hostPorts), ...prevResult };
      const time = await timed(async () => {
        const said = await lab.ok(rest.type, { verb, config, netns, id });
        if (verb === "ADD") result = said;
      });
      times[`${rest.type} ${verb.toLowerCase()}`] = time;
      sum += time;
    }
    times[verb.toLowerCase()] = sum;
  }
  return times;
}
