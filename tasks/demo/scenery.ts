/** What the story needs before it begins: a host, a network configuration, namespaces for the containers. */
import * as Effect from "effect/Effect";
import type { Cleat, NetworkList } from "../../mod.ts";
import { withHost } from "./looks.ts";
import { heading, must, quietly, tell, type } from "./stage.ts";

/** The containers, each with a network namespace of its own. */
export const CONTAINERS = ["blue", "red", "green"] as const;

/** One of them. */
export type Container = typeof CONTAINERS[number];

/** What every step needs. */
export interface Cast {
  readonly cleat: Cleat;
  readonly dbnet: NetworkList;
}

/** Where a container's namespace is. */
export const netnsOf = (container: Container): string => `/run/netns/${container}`;

/** Folder of the network configurations. */
const NETWORKS = "/run/cni/net.d";

/** Where `deno` is found, which may have come through npx. */
const PROGRAMS = "/run/programs";

/** Refuses to go on where /var/lib is not the demo's own: it would write into the machine's. */
function mustBePrivate(): void {
  const mounts = Deno.readTextFileSync("/proc/self/mountinfo").split("\n");
  for (const folder of ["/run", "/var/lib"]) {
    const isCovered = mounts.some((line) => line.split(" ")[4] === folder && line.includes(" - tmpfs tmpfs "));
    const why = "this project, your home folder and Deno's cache must not lie in there";
    must(isCovered, `${folder} is an empty folder of the demo's own (${why})`, "the machine's");
  }
}

/** Makes the private world fit to be a host. */
export async function furnish(bin: string): Promise<void> {
  mustBePrivate();
  await withHost(
    null,
    (host) => Effect.asVoid(host.apply({ op: "link.set", on: "host", name: "lo", set: { up: true } })),
  );
  Deno.mkdirSync(PROGRAMS);
  Deno.symlinkSync(Deno.execPath(), `${PROGRAMS}/deno`);
  Deno.env.set("PATH", `${bin}:${PROGRAMS}:${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin`);
  Deno.env.set("NETCONFPATH", NETWORKS);
}

/** The network: the specification's example, and an address for the host in it. Answers the folder. */
export async function writeNetwork(): Promise<string> {
  heading("A network and three containers");
  const example = new URL("../../examples/dbnet.conflist", import.meta.url);
  const text = Deno.readTextFileSync(example).replace('"bridge": "cni0"', '"bridge": "cni0", "isGateway": true');
  must(text.includes('"isGateway": true'), 'examples/dbnet.conflist can be given "isGateway"', text);
  Deno.mkdirSync(NETWORKS, { recursive: true });
  Deno.writeTextFileSync(`${NETWORKS}/dbnet.conflist`, text);
  tell('The network is examples/dbnet.conflist, and "isGateway": true, so that the host has an address in it:');
  tell("bridge cni0 with addresses of 10.1.0.0/16 from host-local, then tuning, then portmap.");
  Deno.mkdirSync("/run/netns");
  tell("A container is a network namespace here. This is what `ip netns add` does:");
  for (const container of CONTAINERS) {
    const netns = netnsOf(container);
    await type(`touch ${netns} && unshare --net=${netns} true`);
  }
  return NETWORKS;
}

/** Whether there is such a program. */
export const isInstalled = async (program: string): Promise<boolean> =>
  (await quietly(`command -v ${program}`)).code === 0;
