/** The same scripts played to the simulated kernel and to the real one: nf_tables and connection tracking. */
import type { NftElement } from "../../src/effects/kernel/nft.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { batch } from "../support/host_ops.ts";
import type { Look, Step } from "../support/host_script.ts";
import { at, demoTable, hostPort } from "../support/nft_tables.ts";

const element = (name: string, which: NftElement): Step => [
  name,
  { look: "element", on: "host", which } satisfies Look,
];
const verdict = (ip: string, chain: string): NftElement => ({
  ...at,
  set: "masq4",
  key: [{ ip }],
  value: { verdict: "jump", chain },
});

fidelity("a batch is carried out as a whole or not at all", [
  ["an element of a missing table", batch({ add: "element", ...hostPort(8080, "10.1.0.5", 80) })],
  ["a set of a missing table", batch({ add: "set", ...at, set: "s", key: ["inet_service"] })],
  ["a chain of a missing table", batch({ add: "chain", ...at, chain: "c" })],
  ["the table with all in it", batch(...demoTable)],
  ["it again", batch(...demoTable)],
  ["the table without exclusive", batch({ add: "table", ...at })],
  ["a chain that is there", batch({ add: "chain", ...at, chain: "hostports" })],
  ["a chain that is there, exclusive", batch({ add: "chain", ...at, chain: "hostports", exclusive: true })],
  ["a set that is there", batch({ add: "set", ...at, set: "masq4", key: ["ipv4_addr"], value: "verdict" })],
  ["a set that is there, of another type", batch({ add: "set", ...at, set: "masq4", key: ["ether_addr"] })],
  ["a rule in a missing chain", batch({ add: "rule", ...at, chain: "no", exprs: [{ expr: "counter" }] })],
  [
    "a rule that looks into a missing set",
    batch({ add: "rule", ...at, chain: "hostports", exprs: [{ expr: "lookup", set: "no", from: 8 }] }),
  ],
  [
    "a rule that jumps to a missing chain",
    batch({ add: "rule", ...at, chain: "hostports", exprs: [{ expr: "verdict", verdict: "jump", chain: "no" }] }),
  ],
  [
    "an element, and then one of a missing set",
    batch({ add: "element", ...hostPort(8080, "10.1.0.5", 80) }, {
      add: "element",
      ...hostPort(1, "10.1.0.5", 1),
      set: "no",
    }),
  ],
  element("nothing was added", hostPort(8080, "10.1.0.5", 80)),
  ["no commands", batch()],
], "nf_tables");

fidelity("elements are added once, and removed while they are ours", [
  ["the table", batch(...demoTable)],
  ["an element", batch({ add: "element", ...hostPort(8080, "10.1.0.5", 80, "net c1/eth0") })],
  element("it", hostPort(8080, "0.0.0.0", 0)),
  ["it again", batch({ add: "element", ...hostPort(8080, "10.1.0.5", 80, "net c1/eth0") })],
  ["its key with another value", batch({ add: "element", ...hostPort(8080, "10.1.0.6", 80) })],
  [
    "one twice in a batch",
    batch(
      { add: "element", ...hostPort(8081, "10.1.0.5", 80) },
      { add: "element", ...hostPort(8081, "10.1.0.5", 80) },
    ),
  ],
  element("neither was added", hostPort(8081, "10.1.0.5", 80)),
  ["it is removed while another's", batch({ remove: "element", ...hostPort(8080, "10.1.0.6", 80) })],
  element("it stays", hostPort(8080, "10.1.0.5", 80)),
  ["it is removed", batch({ remove: "element", ...hostPort(8080, "10.1.0.5", 80) })],
  element("it is gone", hostPort(8080, "10.1.0.5", 80)),
  ["it is removed again", batch({ remove: "element", ...hostPort(8080, "10.1.0.5", 80) })],
  ["it is removed from a missing set", batch({ remove: "element", ...hostPort(1, "10.1.0.5", 1), set: "no" })],
  ["it is removed from a missing table", batch({ remove: "element", ...hostPort(1, "10.1.0.5", 1), table: "no" })],
  ["it moves", batch({ add: "element", ...hostPort(8080, "10.1.0.5", 80) })],
  [
    "to another value, in one batch",
    batch(
      { remove: "element", ...hostPort(8080, "10.1.0.5", 80) },
      { add: "element", ...hostPort(8080, "10.1.0.7", 81) },
    ),
  ],
  element("it moved", hostPort(8080, "10.1.0.5", 80)),
  [
    "a removal and one that is refused",
    batch(
      { remove: "element", ...hostPort(8080, "10.1.0.7", 81) },
      { add: "element", ...hostPort(1, "10.1.0.5", 1), set: "no" },
    ),
  ],
  element("it stays", hostPort(8080, "10.1.0.7", 81)),
  [
    "it is removed, whatever its value",
    batch({
      remove: "element",
      ...at,
      set: "hostports4",
      key: [{ protocol: "tcp" }, { port: 8080 }],
    }),
  ],
  element("it is gone", hostPort(8080, "10.1.0.7", 81)),
  ["a key of the wrong shape", batch({ add: "element", ...hostPort(1, "10.1.0.5", 1), key: [{ port: 1 }] })],
  [
    "a map's element without a value",
    batch({
      add: "element",
      ...at,
      set: "hostports4",
      key: [{ protocol: "tcp" }, { port: 9 }],
    }),
  ],
  ["a comment that is too long", batch({ add: "element", ...hostPort(9, "10.1.0.5", 9, "é".repeat(200)) })],
  element("it is cut", hostPort(9, "10.1.0.5", 9)),
], "nf_tables");

fidelity("verdict maps send to chains that are there", [
  ["the table", batch(...demoTable)],
  ["an element that jumps", batch({ add: "element", ...verdict("10.1.0.5", "net-demo"), comment: "net c1/eth0" })],
  element("it", verdict("10.1.0.5", "")),
  ["one that jumps nowhere", batch({ add: "element", ...verdict("10.1.0.6", "no") })],
  [
    "the key with another verdict",
    batch({
      add: "element",
      ...verdict("10.1.0.5", "net-demo"),
      value: { verdict: "accept" },
    }),
  ],
  ["it is removed while it jumps elsewhere", batch({ remove: "element", ...verdict("10.1.0.5", "hostports") })],
  element("it stays", verdict("10.1.0.5", "net-demo")),
  ["it is removed", batch({ remove: "element", ...verdict("10.1.0.5", "net-demo") })],
  element("it is gone", verdict("10.1.0.5", "net-demo")),
  ["one that accepts", batch({ add: "element", ...verdict("10.1.0.7", ""), value: { verdict: "accept" } })],
  element("it", verdict("10.1.0.7", "")),
  ["fields in a verdict map", batch({ add: "element", ...verdict("10.1.0.8", ""), value: [{ port: 1 }] })],
  [
    "a verdict in a map of fields",
    batch({
      add: "element",
      ...hostPort(1, "10.1.0.5", 1),
      value: { verdict: "accept" },
    }),
  ],
], "nf_tables");

fidelity("sets of names, MAC addresses and IPv6 addresses hold what was put in", [
  [
    "a table with sets",
    batch(
      { add: "table", family: "bridge", table: "cleat", comment: "spoofing" },
      { add: "set", family: "bridge", table: "cleat", set: "macs", key: ["ifname", "ether_addr"] },
      { add: "set", family: "bridge", table: "cleat", set: "ips", key: ["ifname", "ipv6_addr"] },
    ),
  ],
  [
    "a MAC",
    batch({
      add: "element",
      family: "bridge",
      table: "cleat",
      set: "macs",
      key: [{ ifName: "veth0" }, { mac: "0a:00:00:00:00:01" }],
    }),
  ],
  element("it", {
    family: "bridge",
    table: "cleat",
    set: "macs",
    key: [{ ifName: "veth0" }, { mac: "0a:00:00:00:00:01" }],
  }),
  [
    "an IPv6 address",
    batch({
      add: "element",
      family: "bridge",
      table: "cleat",
      set: "ips",
      key: [{ ifName: "veth0" }, { ip: "fd00:1::5" }],
    }),
  ],
  [
    "it, written otherwise",
    batch({
      add: "element",
      family: "bridge",
      table: "cleat",
      set: "ips",
      key: [{ ifName: "veth0" }, { ip: "fd00:1:0::0:5" }],
    }),
  ],
  [
    "an IPv4 address among IPv6 ones",
    batch({
      add: "element",
      family: "bridge",
      table: "cleat",
      set: "ips",
      key: [{ ifName: "veth0" }, { ip: "10.1.0.5" }],
    }),
  ],
], "nf_tables");

fidelity("connections that are not there are forgotten without complaint", [
  ["all of a port", { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 }],
  ["those of an address", {
    op: "conntrack.flush",
    on: "host",
    family: 6,
    protocol: "udp",
    port: 53,
    address: "fd00:1::1",
  }],
], "nf_tables");
