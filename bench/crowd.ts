/** Hosts that are full already: of leases, of host ports, of containers. */
import type { Attachment } from "../src/runtime/attach.ts";
import type { Lab } from "../tests/support/lab.ts";
import type { Netns } from "../tests/support/netns.ts";
import type { Library } from "./stage.ts";

/** The n-th address of dbnet that is handed out, from 0: 10.1.0.2 and up, without those that end in .0 or .255. */
const address = (n: number): string => `10.1.${Math.floor(n / 254)}.${n % 254 + 1}`;

/** Puts leases into a network's pool, as host-local would have made them, the last one being the newest. */
export function leases(lab: Lab, network: string, count: number): void {
  const pool = `${lab.leases}/${network}`;
  Deno.mkdirSync(pool, { recursive: true });
  for (let n = 1; n <= count; n++) Deno.writeTextFileSync(`${pool}/${address(n)}`, `other${n}\r\neth0`);
  Deno.writeTextFileSync(`${pool}/last_reserved_ip.0`, address(count));
}

/** The first host port of those that others have. */
export const FIRST_PORT = 20_000;

/** Ports that one container publishes at most: a configuration has a limit. */
const PORTS_EACH = 1_000;

/** Publishes `count` host ports of containers in a namespace, which stay. */
export async function ports(library: Library, netns: Netns, count: number): Promise<void> {
  for (let at = 0; at < count; at += PORTS_EACH) {
    const length = Math.min(PORTS_EACH, count - at);
    const attachment = library.container(`full${at}`, netns, ...Array.from({ length }, (_, i) => FIRST_PORT + at + i));
    await library.attach({ ...attachment, ifName: `full${at / PORTS_EACH}` });
  }
}

/** Containers share namespaces, this many in each, under interfaces of their own: making namespaces is not measured. */
const PER_NETNS = 10;

/** `count` containers with a host port each, nothing of them attached yet. */
export function crowd(library: Library, count: number): readonly Attachment[] {
  const { lab } = library;
  const namespaces = Array.from({ length: Math.ceil(count / PER_NETNS) }, () => lab.container());
  return Array.from({ length: count }, (_, i) => {
    const netns = namespaces[Math.floor(i / PER_NETNS)] ?? lab.container();
    return { ...library.container(`full${i}`, netns, 10_000 + i), ifName: `eth${i % PER_NETNS}` };
  });
}

/** Attaches `count` containers, which stay. */
export async function containers(library: Library, count: number, tick: (done: number) => void): Promise<void> {
  for (const [i, attachment] of crowd(library, count).entries()) {
    await library.attach(attachment);
    tick(i / count);
  }
}

/** The rules Go's portmap makes for host ports of another container (meta plugin portmap, `dnat`), by one restore. */
export function goPorts(host: Netns, count: number): void {
  const lines = Array.from({ length: count }, (_, i) => {
    const port = FIRST_PORT + i, chain = `CNI-DN-${String(i).padStart(21, "0")}`;
    return [
      `:${chain} - [0:0]`,
      `-A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports ${port} -j ${chain}`,
      `-A ${chain} -s 10.1.0.0/16 -p tcp -m tcp --dport ${port} -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1/32 -p tcp -m tcp --dport ${port} -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -p tcp -m tcp --dport ${port} -j DNAT --to-destination 10.1.255.1:80`,
    ];
  });
  const chains = lines.map(([chain]) => chain), rules = lines.flatMap(([, ...rest]) => rest);
  const file = Deno.makeTempFileSync({ prefix: "cleat-bench-" });
  try {
    Deno.writeTextFileSync(file, ["*nat", ...chains, ...rules, "COMMIT", ""].join("\n"));
    host.must(`iptables-restore --noflush < ${file}`);
  } finally {
    Deno.removeSync(file);
  }
}
