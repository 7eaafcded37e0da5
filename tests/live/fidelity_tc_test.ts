/** The simulated kernel beside the real one: queueing disciplines, classes, filters, and the links they lead to. */
import type { FilterOp, KernelOp, QdiscKind } from "../../src/effects/kernel/op.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { attached, remove, set, until, veth } from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";
import { needsKind } from "../support/kinds.ts";

const ifb = (name: string, mtu?: number): KernelOp => ({
  op: "link.create",
  on: "host",
  name,
  link: { kind: "ifb" },
  ...(mtu === undefined ? {} : { mtu }),
});

const qdisc = (link: string, parent: string, handle: string, kind: QdiscKind): KernelOp => ({
  op: "qdisc.add",
  on: "host",
  link,
  parent,
  handle,
  qdisc: kind,
});

const noQdisc = (link: string, parent: string, handle: string, kind: QdiscKind["kind"]): KernelOp => ({
  op: "qdisc.delete",
  on: "host",
  link,
  parent,
  handle,
  kind,
});

const filter = (link: string, parent: string, more: Partial<FilterOp> = {}): KernelOp => ({
  op: "filter.add",
  on: "host",
  link,
  parent,
  priority: 1,
  protocol: "all",
  flow: "1:1",
  ...more,
});

const trafficClass = (link: string, handle: string, rate: number, burst: number): KernelOp => ({
  op: "class.add",
  on: "host",
  link,
  parent: "1:",
  class: handle,
  rate,
  burst,
});

const tbf = (rate: number, burst: number, limit: number): QdiscKind => ({ kind: "tbf", rate, burst, limit });

const SLOW = tbf(1_000_000, 100_000, 125_000);

const queues = (link: string, ...at: readonly string[]): readonly Step[] =>
  at.map((
    parent,
  ): Step => [`the queue at ${parent} of ${link}`, { look: "qdisc", on: "host", name: link, at: parent }]);

const filters = (link: string, at: string): Step => [
  `the filters of ${at} of ${link}`,
  { look: "filters", on: "host", name: link, at },
];

const classAt = (link: string, at: string): Step => [`the class ${at}`, { look: "class", on: "host", name: link, at }];

const redirecting = needsKind("ifb", "what comes in is led to an ifb, which may go before the filter");

fidelity("token buckets are shown as they were added, one for each link, and go by handle and kind", [
  ...attached,
  ...queues("veth0", "root", "ingress"),
  ["a bucket", qdisc("veth0", "root", "1:", SLOW)],
  ["another one", qdisc("veth0", "root", "1:", SLOW)],
  ["one of another handle", qdisc("veth0", "root", "2:", SLOW)],
  ...queues("veth0", "root", "ingress"),
  ["down", set("host", "veth0", { up: false })],
  ["up", set("host", "veth0", { up: true })],
  ...queues("veth0", "root"),
  ["another handle is deleted", noQdisc("veth0", "root", "2:", "tbf")],
  ["another kind is deleted", noQdisc("veth0", "root", "1:", "htb")],
  ["what comes in is deleted", noQdisc("veth0", "ingress", "ffff:", "ingress")],
  ...queues("veth0", "root"),
  ["it is deleted", noQdisc("veth0", "root", "1:", "tbf")],
  ["once more", noQdisc("veth0", "root", "1:", "tbf")],
  ...queues("veth0", "root"),
  ["on a link that is not there", qdisc("veth9", "root", "1:", SLOW)],
  ["deleted from it", noQdisc("veth9", "root", "1:", "tbf")],
  ...queues("veth9", "root"),
  ["a new one", qdisc("veth0", "root", "1:", SLOW)],
  ["the link goes", remove("host", "veth0")],
  ["another link of the name", veth("veth0", "eth0")],
  ...queues("veth0", "root"),
]);

const RATES: readonly (readonly [number, number, number])[] = [
  [1_000, 10, 35],
  [1, 1, 1],
  [2, 1, 1],
  [125, 268_435_455, 268_435_458],
  [125_000, 268_435_455, 268_438_580],
  [1_250_000_000, 1_514, 31_251_514],
  [4_294_967_295, 1_000_000, 108_374_182],
  [4_294_967_296, 1_000_000, 108_374_182],
  [12_500_000_000, 1_514, 312_501_514],
  [2 ** 40, 4_294_967_293, 4_294_967_295],
];

fidelity("buckets of every size are what was asked for, from a byte per second to more than 32 bits can say", [
  ...attached,
  ...RATES.flatMap(([rate, burst, limit]): readonly Step[] => [
    [`${rate} bytes per second`, qdisc("veth0", "root", "1:", tbf(rate, burst, limit))],
    ...queues("veth0", "root"),
    ["it goes", noQdisc("veth0", "root", "1:", "tbf")],
  ]),
]);

if (redirecting.ignore) Deno.test({ ...redirecting, fn() {} });
else {
  fidelity(redirecting.name, [
    ...attached,
    ["an ifb", ifb("bwp0", 1_400)],
    ["it again", ifb("bwp0")],
    ["a large one", ifb("bwp1", 65_536)],
    ...everything("host", "bwp0", "bwp1"),
    ["up", set("host", "bwp0", { up: true, txQueueLen: 1_000, alias: "net/c1/eth0" })],
    until("host", "bwp0", "unknown"),
    ...everything("host", "bwp0"),
    ["its bucket", qdisc("bwp0", "root", "1:", SLOW)],
    ["a filter of what comes in, too early", filter("veth0", "ffff:", { redirect: "bwp0" })],
    ["what comes in", qdisc("veth0", "ingress", "ffff:", { kind: "ingress" })],
    ["it again", qdisc("veth0", "ingress", "ffff:", { kind: "ingress" })],
    ["a filter to nowhere", filter("veth0", "ffff:", { redirect: "bwp9" })],
    ["a filter", filter("veth0", "ffff:", { redirect: "bwp0" })],
    ...queues("veth0", "root", "ingress"),
    ...queues("bwp0", "root"),
    filters("veth0", "ffff:"),
    filters("veth9", "ffff:"),
    filters("bwp0", "1:"),
    ["the ifb goes", remove("host", "bwp0")],
    filters("veth0", "ffff:"),
    ["what comes in goes", noQdisc("veth0", "ingress", "ffff:", "ingress")],
    ["once more", noQdisc("veth0", "ingress", "ffff:", "ingress")],
    filters("veth0", "ffff:"),
    ["the other goes", remove("host", "bwp1")],
    ...everything("host", "bwp1"),
  ]);
}

fidelity("an htb has classes with queues, and filters that lead to them by prefix", [
  ...attached,
  ["an htb", qdisc("veth0", "root", "1:", { kind: "htb", fallback: "1:30" })],
  ["its class", trafficClass("veth0", "1:30", 1_000_000, 100_000)],
  ["it again", trafficClass("veth0", "1:30", 1_000_000, 100_000)],
  ["a fast one", trafficClass("veth0", "1:31", 12_500_000_000, 20_000)],
  ["its queue", qdisc("veth0", "1:30", "30:", { kind: "bfifo", limit: 125_000 })],
  ["a queue of no class", qdisc("veth0", "1:99", "99:", { kind: "bfifo", limit: 125_000 })],
  ["by an IPv4 source", filter("veth0", "1:", { ...v4("src", "10.1.2.0/23"), flow: "1:" })],
  ["by an IPv4 destination", filter("veth0", "1:", { ...v4("dst", "10.9.9.9/32"), flow: "1:30" })],
  ["by an IPv6 source", filter("veth0", "1:", { ...v6("src", "fd00:db8:abcd:1234:e000::/68"), flow: "1:" })],
  ["by an IPv6 destination", filter("veth0", "1:", { ...v6("dst", "fd00::1/128"), flow: "1:31" })],
  ["by all of IPv4", filter("veth0", "1:", { ...v4("dst", "0.0.0.0/0") })],
  ["with another protocol", filter("veth0", "1:", { ...v6("dst", "fd00::/8"), priority: 16 })],
  ...queues("veth0", "root", "1:30", "1:31"),
  classAt("veth0", "1:30"),
  classAt("veth0", "1:31"),
  classAt("veth0", "1:32"),
  filters("veth0", "1:"),
  ["another kind is deleted", noQdisc("veth0", "root", "1:", "tbf")],
  ["it goes with all of it", noQdisc("veth0", "root", "1:", "htb")],
  ...queues("veth0", "root", "1:30"),
  classAt("veth0", "1:30"),
  filters("veth0", "1:"),
  ["one without a class for all else", qdisc("veth0", "root", "1:", { kind: "htb" })],
  ...queues("veth0", "root"),
  ["a bucket has no classes", noQdisc("veth0", "root", "1:", "htb")],
  ["it", qdisc("veth0", "root", "1:", SLOW)],
  ["a class", trafficClass("veth0", "1:30", 1_000_000, 100_000)],
  ["a filter", filter("veth0", "1:")],
  classAt("veth0", "1:30"),
]);

function v4(field: "src" | "dst", prefix: string): Partial<FilterOp> {
  return { protocol: "ip", priority: 16, match: { field, prefix } };
}

function v6(field: "src" | "dst", prefix: string): Partial<FilterOp> {
  return { protocol: "ipv6", priority: 15, match: { field, prefix } };
}
