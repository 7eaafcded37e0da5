/** Ops and events as a person reads them: one line each. */
import type { NftCommand, NftElement, NftField } from "../effects/kernel/nft.ts";
import type { FilterOp, LinkOver, Op, QdiscKind, QdiscPlace, Side } from "../effects/kernel/op.ts";
import type { AttachmentEvent } from "./event.ts";

const where = (side: Side): string => (side === "host" ? "on the host" : "in the container");

const setting = ([key, value]: readonly [string, unknown]): string => {
  if (typeof value === "boolean") return value ? key : `not ${key}`;
  return `${key} ${value === null ? "none" : value}`;
};

const settings = (all: object): string => Object.entries(all).map(setting).join(", ");

const optional = (word: string, value: string | number | undefined): string =>
  value === undefined ? "" : ` ${word} ${value}`;

const field = (f: NftField): string => `${Object.values(f)[0]}`;

function element({ table, set, key, value }: NftElement): string {
  const to = value === undefined
    ? ""
    : `verdict` in value
    ? ` : ${value.verdict}${"chain" in value ? ` ${value.chain}` : ""}`
    : ` : ${value.map(field).join(" . ")}`;
  return `${table} ${set} { ${key.map(field).join(" . ")}${to} }`;
}

function nftCommand(command: NftCommand): string {
  if ("remove" in command) {
    switch (command.remove) {
      case "element":
        return `remove ${element(command)}`;
      case "rule":
        return `remove rule ${command.handle} of ${command.chain}, "${command.comment}"`;
      case "chain":
        return `remove chain ${command.chain}`;
    }
  }
  switch (command.add) {
    case "element":
      return `add ${element(command)}`;
    case "table":
      return `add table ${command.family} ${command.table}`;
    case "chain":
      return `add chain ${command.chain}`;
    case "set":
      return `add set ${command.set}`;
    case "rule":
      return `add a rule to ${command.chain}`;
  }
}

const over = (link: LinkOver): string => link.kind === "vlan" ? `vlan ${link.id}` : `${link.kind} (${link.mode})`;

const parent = ({ parent: { on, name } }: LinkOver): string => `${name} ${where(on)}`;

function link(op: Extract<Op, { op: "link.create" }>): string {
  const master = optional("in", op.master);
  if (op.link.kind === "vrf") return `vrf ${op.name} with table ${op.link.table} ${where(op.on)}`;
  if ("parent" in op.link) return `${over(op.link)} ${op.name} ${where(op.on)}, on ${parent(op.link)}`;
  if (op.link.kind !== "veth") return `${op.link.kind} ${op.name} ${where(op.on)}`;
  return `veth ${op.name} ${where(op.on)}${master}, its peer ${op.link.peer.name} ${where(op.link.peer.on)}`;
}

const qdisc = ({ kind, ...options }: QdiscKind): string => {
  const all = settings(options);
  return all === "" ? kind : `${kind} (${all})`;
};

const queueOf = ({ on, link, parent }: QdiscPlace): string => `${parent} of ${link} ${where(on)}`;

const packets = ({ protocol, match }: FilterOp): string =>
  match === undefined ? `${protocol} packets` : `${protocol} packets, ${match.field} ${match.prefix},`;

/**
 * One line that says what the op does, in the words of ip(8) and nft(8).
 *
 * @example
 * ```ts
 * import { describeOp } from "./describe.ts";
 * const line = describeOp({ op: "address.add", on: "container", link: "eth0", address: "10.1.0.2/16" });
 * if (line !== "add 10.1.0.2/16 to eth0 in the container") throw new Error(line);
 * ```
 */
export function describeOp(op: Op): string {
  switch (op.op) {
    case "link.create":
      return `create ${link(op)}`;
    case "link.set":
    case "port.set":
      return `set ${op.name} ${where(op.on)}: ${settings(op.set)}`;
    case "link.move":
      return `move ${op.name} ${where(op.on)} to ${op.to.name} ${where(op.to.on)}`;
    case "link.return":
      return `give ${op.name} ${where(op.on)} back, ${op.was.set.up ? "up" : "down"}${
        op.was.addresses.length === 0 ? "" : `, with ${op.was.addresses.join(", ")}`
      }`;
    case "link.delete":
      return `delete link ${op.name} ${where(op.on)}${op.whileUnused === undefined ? "" : " unless it is in use"}`;
    case "vlan.add":
    case "vlan.delete": {
      const vids = op.vlans.map(({ vid, to }) => (to === undefined ? `${vid}` : `${vid}-${to}`)).join(", ");
      return `${op.op === "vlan.add" ? "add" : "delete"} VLAN ${vids} of port ${op.name}`;
    }
    case "address.add":
      return `add ${op.address} to ${op.link} ${where(op.on)}`;
    case "address.remove":
      return `remove ${op.address} from ${op.link} ${where(op.on)}`;
    case "route.add":
    case "route.remove": {
      const verb = op.op === "route.add" ? "add" : "remove";
      return `${verb} route ${op.dst}${optional("via", op.gw)} dev ${op.link}${optional("table", op.table)}${
        optional("src", op.src)
      } ${where(op.on)}`;
    }
    case "rule.add":
    case "rule.remove":
      return `${op.op === "rule.add" ? "add" : "remove"} rule from ${op.from} lookup ${op.table} ${where(op.on)}`;
    case "neighbour.add":
      return `add neighbour ${op.ip} lladdr ${op.mac} to ${op.link} ${where(op.on)}`;
    case "neighbour.remove":
      return `remove neighbour ${op.ip} from ${op.link} ${where(op.on)}`;
    case "qdisc.add":
      return `add qdisc ${qdisc(op.qdisc)} to ${queueOf(op)}`;
    case "qdisc.delete":
      return `delete qdisc ${op.kind} ${op.handle} of ${queueOf(op)}`;
    case "class.add":
      return `add class ${op.class} (${settings({ rate: op.rate, burst: op.burst })}) to ${op.link} ${where(op.on)}`;
    case "filter.add":
      return `add filter of ${packets(op)} to ${op.link} ${where(op.on)}${
        optional("redirect to", op.redirect) || ` flow ${op.flow}`
      }`;
    case "sysctl.write":
      return `write ${op.value} to ${op.key} ${where(op.on)}`;
    case "nft.apply":
      return op.commands.map(nftCommand).join("; ");
    case "conntrack.flush":
      return `forget ${op.protocol} connections to port ${op.port}${optional("of", op.address)}`;
    case "iptables.delete":
      return `delete chain ${op.chain} with ${op.family === 4 ? "iptables" : "ip6tables"}`;
    case "iptables.open":
      return `let ${op.addresses.join(", ")} through FORWARD with ${op.family === 4 ? "iptables" : "ip6tables"}`;
    case "iptables.close":
      return `no longer let ${op.addresses.join(", ")} through FORWARD with ${
        op.family === 4 ? "iptables" : "ip6tables"
      }`;
    case "firewalld.add":
      return `bind ${op.source} to zone ${op.zone} of firewalld`;
    case "firewalld.remove":
      return `take ${op.source} out of zone ${op.zone} of firewalld`;
    case "lease.reserve":
      return `reserve ${op.want ?? "an address"} in ${op.pool}`;
    case "lease.release":
      return `release what ${op.owner.containerId}/${op.owner.ifName} holds in ${op.pool}`;
    case "dhcp.acquire":
      return `get a lease of the DHCP daemon at ${op.socket}`;
    case "dhcp.release":
      return `give back what the DHCP daemon at ${op.socket} keeps for ${op.owner.containerId}/${op.owner.ifName}`;
    case "backup.delete":
      return `delete what ${op.dataDir} keeps of ${op.owner.containerId}/${op.owner.ifName}`;
    case "plugin.invoke":
      return `run ${op.command} of ${op.plugin}`;
  }
}

/**
 * One line that says what happened.
 *
 * @example
 * ```ts
 * import { describeEvent } from "./describe.ts";
 * const line = describeEvent({ type: "check.drifted", findings: ["eth0 is down", "cni0 is gone"] });
 * if (line !== "CHECK found: eth0 is down; cni0 is gone") throw new Error(line);
 * ```
 */
export function describeEvent(event: AttachmentEvent): string {
  switch (event.type) {
    case "ADD":
      return `ADD for ${event.netns.path}`;
    case "CHECK":
    case "DEL":
      return event.type;
    case "effect.intended":
      return `#${event.id} about to ${describeOp(event.op)}${
        event.undo === null ? "" : `; to undo: ${describeOp(event.undo)}`
      }`;
    case "effect.applied":
      return `#${event.id} done${event.value === undefined ? "" : ` ${JSON.stringify(event.value)}`}`;
    case "effect.failed":
      return `#${event.id} failed: ${event.error.msg}`;
    case "undo.applied":
      return `#${event.id} undone`;
    case "undo.failed":
      return `#${event.id} could not be undone: ${event.error.msg}`;
    case "add.succeeded":
      return `ADD succeeded: ${(event.result.ips ?? []).map(({ address }) => address).join(", ") || "no address"}`;
    case "add.failed":
      return `ADD failed: ${event.error.msg}`;
    case "check.passed":
      return "CHECK passed";
    case "check.drifted":
      return `CHECK found: ${event.findings.join("; ")}`;
    case "del.succeeded":
      return "DEL succeeded: nothing is left";
    case "del.failed":
      return `DEL failed: ${event.error.msg}`;
    case "command.abandoned":
      return `process ${event.pid} died before it had finished`;
    case "host.rebooted":
      return `the host was rebooted (boot ${event.from} is over)`;
  }
}
