/**
 * Whether what an op made is still there: the half of CHECK that needs no plugin. Everything an attachment owns is an
 * op in its log, so looking again at each op finds every drift.
 */
import * as Effect from "effect/Effect";
import type { Lease, LeaseError, LeasesView } from "../leases/leases.ts";
import { expect, type Findings, FINE, linkAt, listed, missing, onOff, where } from "./finding.ts";
import { checkRoute, checkRule } from "./holds_route.ts";
import { checkTap } from "./holds_tap.ts";
import { checkClass, checkFilter, checkQdisc } from "./holds_tc.ts";
import type { HostError, HostView, Link, LinkFooting } from "./host.ts";
import { checkOpened, checkZone } from "./holds_forward.ts";
import type { NftElement, NftField } from "./nft.ts";
import type { LinkOver, LinkSettings, Op, PortVlan, Side } from "./op.ts";
import { canonicalIp, sameAddress, sameElementValue, sameIp } from "./same.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;
type Looked = Effect.Effect<Findings, HostError>;

const nameOf = Effect.fnUntraced(function* (view: HostView, on: Side, index: number | null) {
  if (index === null) return "none";
  const link = yield* view.linkByIndex(on, index);
  return link === null ? `index ${index}` : `"${link.name}"`;
});

const checkMaster = Effect.fnUntraced(function* (view: HostView, on: Side, link: Link, master: string | null) {
  const expected = master === null ? "none" : `"${master}"`;
  return expect(linkAt(on, link.name), "master ", expected, yield* nameOf(view, on, link.master));
});

const checkVeth = Effect.fnUntraced(function* (view: HostView, op: Of<"link.create">, near: Link) {
  if (op.link.kind !== "veth") return FINE;
  const { peer } = op.link;
  const far = yield* view.link(peer.on, peer.name);
  if (far === null) return missing(linkAt(peer.on, peer.name));
  if (far.kind !== "veth") return expect(linkAt(peer.on, peer.name), "kind ", "veth", far.kind ?? "none");
  const paired = near.peer === far.index && far.peer === near.index;
  return paired ? FINE : [`${linkAt(op.on, op.name)}: expected peer ${linkAt(peer.on, peer.name)}, found another link`];
});

/** The mode of a macvlan or ipvlan, or the tag of a vlan, as it was asked for. */
const footingData = (link: LinkOver): Pick<LinkFooting, "mode" | "id"> =>
  link.kind === "vlan" ? { id: link.id } : { mode: link.mode };

const checkParent = Effect.fnUntraced(function* (view: HostView, op: Of<"link.create">, found: Link) {
  if (!("parent" in op.link)) return FINE;
  const { parent } = op.link;
  const thing = linkAt(op.on, op.name);
  const wanted = footingData(op.link);
  const below = yield* view.link(parent.on, parent.name);
  if (below === null) return missing(linkAt(parent.on, parent.name));
  const isHere = found.over?.parent === below.index && found.over.elsewhere === (parent.on !== op.on);
  // A macvlan on a macvlan, and an ipvlan on an ipvlan, stand on what that stands on.
  const isOn = isHere || (below.kind === found.kind && found.over?.parent === below.over?.parent);
  return [
    ...(isOn ? FINE : [`${thing}: expected ${linkAt(parent.on, parent.name)} as its parent, found another link`]),
    ...(wanted.mode === undefined ? FINE : expect(thing, "mode ", wanted.mode, found.over?.mode ?? "none")),
    ...(wanted.id === undefined ? FINE : expect(thing, "VLAN id ", `${wanted.id}`, `${found.over?.id ?? "none"}`)),
  ];
});

/** Of a veth; a bridge's MTU follows its ports. */
const isHostEnd = ({ on, link }: Of<"link.create">): boolean => on === "host" && link.kind === "veth";

/** Of the container's end neither MTU nor MAC are checked: a plugin later in the chain may change them by `link.set`. */
const checkCreate = Effect.fnUntraced(function* (op: Of<"link.create">, view: HostView) {
  const thing = linkAt(op.on, op.name);
  const link = yield* view.link(op.on, op.name);
  if (link === null) return missing(thing);
  if (link.kind !== op.link.kind) return expect(thing, "kind ", op.link.kind, link.kind ?? "none");
  const table = op.link.kind === "vrf" ? `${op.link.table}` : null;
  const filtering = op.link.kind === "bridge" && op.link.vlanFiltering === true;
  return [
    ...(filtering ? expect(thing, "VLAN filtering ", "on", onOff(link.vlanFiltering === true)) : FINE),
    ...checkTap(thing, op.link, link),
    ...(table === null ? FINE : expect(thing, "table ", table, `${link.vrfTable ?? "none"}`)),
    ...(yield* checkVeth(view, op, link)),
    ...(yield* checkParent(view, op, link)),
    ...(op.master === undefined ? FINE : yield* checkMaster(view, op.on, link, op.master)),
    ...(op.up === true ? expect(thing, "state ", "up", link.up ? "up" : "down") : FINE),
    ...(isHostEnd(op) && op.mtu !== undefined ? expect(thing, "MTU ", `${op.mtu}`, `${link.mtu}`) : FINE),
  ];
});

/** Its MAC address and its index may be others by now: a plugin later in the chain may change the one, the way there the other. */
const checkMove = (op: Of<"link.move">, view: HostView): Looked =>
  Effect.map(view.link(op.to.on, op.to.name), (link) => {
    const thing = linkAt(op.to.on, op.to.name);
    if (link === null) return missing(thing);
    const { kind, device } = op.link;
    return link.kind === kind && link.device === device
      ? FINE
      : [`${thing}: expected it to be "${op.name}", found another link`];
  });

const upDown = (up: boolean): string => up ? "up" : "down";

const checkSettings = (thing: string, link: Link, set: LinkSettings): Findings => [
  ...(set.up === undefined ? FINE : expect(thing, "state ", upDown(set.up), upDown(link.up))),
  ...(set.mtu === undefined ? FINE : expect(thing, "MTU ", `${set.mtu}`, `${link.mtu}`)),
  ...(set.mac === undefined ? FINE : expect(thing, "MAC ", set.mac.toLowerCase(), link.mac)),
  ...(set.promisc === undefined ? FINE : expect(thing, "promiscuous mode ", onOff(set.promisc), onOff(link.promisc))),
  ...(set.allmulti === undefined ? FINE : expect(thing, "allmulti ", onOff(set.allmulti), onOff(link.allmulti))),
  ...(set.txQueueLen === undefined
    ? FINE
    : expect(thing, "transmit queue length ", `${set.txQueueLen}`, `${link.txQueueLen}`)),
];

const checkSet = Effect.fnUntraced(function* (op: Of<"link.set">, view: HostView) {
  const link = yield* view.link(op.on, op.name);
  if (link === null) return missing(linkAt(op.on, op.name));
  const { master } = op.set;
  return [
    ...checkSettings(linkAt(op.on, op.name), link, op.set),
    ...(master === undefined ? FINE : yield* checkMaster(view, op.on, link, master)),
  ];
});

const checkPort = (op: Of<"port.set">, view: HostView): Looked =>
  Effect.map(view.link(op.on, op.name), (link) => {
    const thing = linkAt(op.on, op.name);
    if (link === null) return missing(thing);
    if (link.port === null) return [`${thing}: expected a bridge port, found no master`];
    const { hairpin, isolated } = op.set;
    return [
      ...(hairpin === undefined ? FINE : expect(thing, "hairpin mode ", onOff(hairpin), onOff(link.port.hairpin))),
      ...(isolated === undefined ? FINE : expect(thing, "isolation ", onOff(isolated), onOff(link.port.isolated))),
    ];
  });

const describeVlan = (vlan: PortVlan): string =>
  [`${vlan.vid}`, ...(vlan.pvid ? ["PVID"] : []), ...(vlan.untagged ? ["untagged"] : [])].join(" ");

/** The entry of one VLAN, wherever the kernel folded it into a range. */
const vlanIn = (vlans: readonly PortVlan[], vid: number): PortVlan | undefined =>
  vlans.find((vlan) => vlan.vid <= vid && vid <= (vlan.to ?? vlan.vid));

const checkVlans = (op: Of<"vlan.add">, view: HostView): Looked =>
  Effect.map(view.vlans(op.on, op.name), (present) =>
    op.vlans.flatMap((wanted) => {
      const findings: string[] = [];
      for (let vid = wanted.vid; vid <= (wanted.to ?? wanted.vid); vid++) {
        const found = vlanIn(present, vid);
        const actual = found === undefined ? "none" : describeVlan({ ...found, vid });
        findings.push(...expect(linkAt(op.on, op.name), "VLAN ", describeVlan({ ...wanted, vid }), actual));
      }
      return findings;
    }));

const checkAddress = (op: Of<"address.add">, view: HostView): Looked =>
  Effect.map(view.addresses(op.on, op.link), (addresses) => {
    const found = addresses.find(({ address }) => sameAddress(address, op.address));
    const thing = linkAt(op.on, op.link);
    if (found === undefined) {
      return [`${thing}: expected address ${op.address}, found ${listed(addresses.map(({ address }) => address))}`];
    }
    return found.dadFailed
      ? [`${thing}: expected address ${op.address} usable, found it a duplicate in the network`]
      : [];
  });

const checkNeighbour = (op: Of<"neighbour.add">, view: HostView): Looked =>
  Effect.map(view.neighbours(op.on, op.link), (neighbours) => {
    const found = neighbours.find(({ ip }) => sameIp(ip, op.ip));
    const actual = found === undefined ? "none" : `${found.permanent ? "permanent" : "learned"} ${found.mac}`;
    const thing = `neighbour ${op.ip} of ${linkAt(op.on, op.link)}`;
    return expect(thing, "", `permanent ${op.mac.toLowerCase()}`, actual);
  });

/** Values of several numbers are read back with tabs, however they were written. */
const oneLine = (value: string): string => value.trim().replace(/\s+/g, " ");

const checkSysctl = (op: Of<"sysctl.write">, view: HostView): Looked =>
  Effect.map(view.sysctl(op.on, op.key), (value) => {
    const actual = value === null ? "no such key" : oneLine(value);
    return expect(`sysctl "${op.key}" ${where(op.on)}`, "", oneLine(op.value), actual);
  });

const fieldText = (field: NftField): string => `${Object.values(field)[0]}`;

const valueText = (value: NftElement["value"]): string => {
  if (value === undefined) return "present";
  if (!("verdict" in value)) return value.map(fieldText).join(" . ");
  return "chain" in value ? `${value.verdict} ${value.chain}` : value.verdict;
};

const checkElement = (on: Side, wanted: NftElement, view: HostView): Looked =>
  Effect.map(view.element(on, wanted), (found) => {
    if (found !== null && sameElementValue(found.value, wanted.value)) return FINE;
    const key = wanted.key.map(fieldText).join(" . ");
    const thing = `element { ${key} } of set "${wanted.set}" in table "${wanted.family} ${wanted.table}" ${where(on)}`;
    const holder = found?.comment === undefined ? "" : ` of ${found.comment}`;
    const actual = found === null ? "none" : `${valueText(found.value)}${holder}`;
    return [`${thing}: expected ${valueText(wanted.value)}, found ${actual}`];
  });

const checkNft = Effect.fnUntraced(function* (op: Of<"nft.apply">, view: HostView) {
  const findings: string[] = [];
  for (const command of op.commands) {
    if (!("add" in command) || command.add !== "element") continue;
    findings.push(...(yield* checkElement(op.on, command, view)));
  }
  return findings;
});

const isLease = (value: unknown): value is Lease =>
  typeof value === "object" && value !== null && "address" in value && typeof value.address === "string";

const checkLease = Effect.fnUntraced(function* (op: Of<"lease.reserve">, leases: LeasesView, value: unknown) {
  if (!isLease(value)) return FINE;
  const ip = canonicalIp(value.address.split("/")[0] ?? value.address);
  if (yield* leases.holds(op.pool, op.owner, ip)) return FINE;
  const owner = `${op.owner.containerId}/${op.owner.ifName}`;
  const held = listed(yield* leases.held(op.pool, op.owner));
  return [`lease of ${owner} in pool "${op.pool}": expected ${ip}, found ${held}`];
});

/**
 * What no longer holds of an applied op, one sentence each; empty when all is as the op left it. `value` is what the op
 * answered when it was applied (of `lease.reserve` the `Lease`). Removals and other plugins' work hold nothing.
 * Ends with `HostError` or `LeaseError` when it cannot look.
 */
export const holds = (
  op: Op,
  view: HostView,
  leases: LeasesView,
  value?: unknown,
): Effect.Effect<Findings, HostError | LeaseError> => {
  switch (op.op) {
    case "link.create":
      return checkCreate(op, view);
    case "link.set":
      return checkSet(op, view);
    case "link.move":
      return checkMove(op, view);
    case "port.set":
      return checkPort(op, view);
    case "vlan.add":
      return checkVlans(op, view);
    case "address.add":
      return checkAddress(op, view);
    case "route.add":
      return checkRoute(op, view);
    case "rule.add":
      return checkRule(op, view);
    case "neighbour.add":
      return checkNeighbour(op, view);
    case "qdisc.add":
      return checkQdisc(op, view);
    case "class.add":
      return checkClass(op, view);
    case "filter.add":
      return checkFilter(op, view);
    case "sysctl.write":
      return checkSysctl(op, view);
    case "nft.apply":
      return checkNft(op, view);
    case "iptables.open":
      return checkOpened(op, view);
    case "firewalld.add":
      return checkZone(op, view);
    case "lease.reserve":
      return checkLease(op, leases, value);
    case "link.delete":
    case "link.return":
    case "vlan.delete":
    case "address.remove":
    case "route.remove":
    case "rule.remove":
    case "neighbour.remove":
    case "qdisc.delete":
    case "conntrack.flush":
    case "iptables.delete":
    case "iptables.close":
    case "firewalld.remove":
    case "lease.release":
    case "dhcp.acquire": // the plugin asks the daemon
    case "dhcp.release":
    case "backup.delete":
    case "plugin.invoke":
      return Effect.succeed(FINE);
    default:
      return op satisfies never;
  }
};
