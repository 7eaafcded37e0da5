/** The way of a packet: new connections through a host port, on hosts that publish few and many. */
import { builtBin } from "../../tests/support/built.ts";
import { Lab } from "../../tests/support/lab.ts";
import type { Netns } from "../../tests/support/netns.ts";
import { accepting, caller } from "../connections.ts";
import { compete, type Contender } from "../contest.ts";
import { goPorts, ports } from "../crowd.ts";
import { dbnetIn, Library, runExecutables } from "../stage.ts";
import { against, alone, type Plan, type Row, side, type Table } from "../table.ts";

/** Host ports that are published. */
const SIZES = { full: [1, 1_000, 10_000], quick: [1, 2_000] } as const;

const PORT = 8080;

/** The host's address towards `Lab.outside`. */
const HOST = "192.0.2.1";

/** A client outside who connects to the host port, and a server in the container. A connection's end is soon forgotten. */
async function connecting(
  stack: AsyncDisposableStack,
  name: string,
  lab: Lab,
  inside: Netns,
  count: number,
): Promise<Contender> {
  lab.host.must("echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close");
  const outside = lab.outside();
  stack.use(await accepting(inside));
  const client = stack.use(await caller(outside, HOST, PORT));
  return { name, round: async () => ({ rate: await client.call(count) }) };
}

/** A container of ours on a host with as many ports. */
async function own(stack: AsyncDisposableStack, bin: string, size: number, count: number): Promise<Contender> {
  const lab = stack.use(new Lab(bin));
  const library = stack.use(await Library.open(lab, dbnetIn(lab, true), lab.container()));
  if (size > 1) await ports(library, lab.container(), size - 1);
  const inside = lab.container();
  await library.attach(library.container("c1", inside, PORT));
  return await connecting(stack, `${size}`, lab, inside, count);
}

/** A container of Go's on a host with as many ports; those of others come first, as the older ones do. */
async function theirs(stack: AsyncDisposableStack, peer: string, size: number, count: number): Promise<Contender> {
  const lab = stack.use(new Lab(peer));
  const list = dbnetIn(lab, true);
  await runExecutables(lab, list, { netns: lab.container(), id: "first", hostPorts: [9000] }, ["ADD"]);
  if (size > 1) goPorts(lab.host, size - 1);
  const inside = lab.container();
  await runExecutables(lab, list, { netns: inside, id: "c1", hostPorts: [PORT] }, ["ADD"]);
  return { ...await connecting(stack, `go ${size}`, lab, inside, count), every: 3 };
}

const worded = (size: number): string => `${size.toLocaleString("en")} host port${size === 1 ? "" : "s"}`;

/** Measures connections per second. */
export async function packets({ quick, peer, tick }: Plan): Promise<Table> {
  await using stack = new AsyncDisposableStack();
  const bin = await builtBin();
  const sizes: readonly number[] = quick ? SIZES.quick : SIZES.full;
  const count = quick ? 300 : 500;
  const contenders: Contender[] = [];
  for (const size of sizes) contenders.push(await own(stack, bin, size, count));
  if (peer !== null && !quick) {
    for (const size of sizes) contenders.push(await theirs(stack, peer, size, count));
  }
  const samples = await compete(contenders, { warmUps: 2, rounds: quick ? 11 : 41, block: 1 }, tick);
  const first = sizes[0] ?? 1;
  const rows: readonly Row[] = sizes.flatMap((size) => {
    const its = side(samples, `${size}`, "rate", `connections through one of ${worded(size)}`);
    return [
      ...(size === first ? alone(`packets.${size}`, its.name, "/s", its.values) : []),
      ...(size === first
        ? []
        : against(`packets.${size}`, "/s", its, side(samples, `${first}`, "rate", worded(first)))),
      ...(samples.of(`go ${size}`, "rate").length === 0
        ? []
        : against(`packets.${size}/go`, "/s", its, side(samples, `go ${size}`, "rate", "Go's"))),
    ];
  });
  return {
    id: "packets",
    title: "The way of a packet",
    note:
      "New TCP connections from another host to a container through a host port, one after the other, each to its end. " +
      "The last of the ports is asked for.",
    rows,
  };
}
