/** Random scripts of links, addresses, routes, neighbours and sysctls: few names, so that they meet. */
import type { KernelOp, RouteOp, Side } from "../../src/effects/kernel/op.ts";
import type { Random } from "../property/spec_random.ts";
import { everything, type Step } from "./host_script.ts";

const NAMES = ["a0", "a1", "a2"] as const;
const STEPS = 30;
/** Looks cost more than ops. */
const OPS_PER_LOOK = 3;

const ADDRESSES = [
  "10.1.0.1/24",
  "10.1.0.2/24",
  "10.1.0.2/16",
  "10.2.0.1/32",
  "fd00:1::1/64",
  "fd00:1::2/64",
  "fd00:2::1/128",
] as const;

/** Ways to make one op, each as likely as it is often here. */
const makers = (random: Random): readonly [() => KernelOp, ...(() => KernelOp)[]] => {
  const { pick } = random;
  const maybe = <T extends object>(percent: number, make: () => T) => random.below(100) < percent ? make() : {};
  const on = (): Side => pick(["host", "container"]);
  const name = () => pick([...NAMES]);
  const identity = () => ({
    ...maybe(30, () => ({ mac: `0a:00:00:00:00:0${random.below(4)}` })),
    ...maybe(30, () => ({ mtu: pick([10, 1000, 1300, 1400, 1500, 9000]) })),
  });
  const create = (link: Extract<KernelOp, { op: "link.create" }>["link"]): KernelOp => {
    const settings = { ...maybe(50, () => ({ up: true })), ...maybe(30, () => ({ master: name() })) };
    return { op: "link.create", on: on(), name: name(), link, ...identity(), ...settings };
  };
  const set = (): KernelOp => ({
    op: "link.set",
    on: on(),
    name: name(),
    set: {
      ...identity(),
      ...maybe(60, () => ({ up: random.below(3) > 0 })),
      ...maybe(30, () => ({ master: pick([null, ...NAMES]) })),
      ...maybe(10, () => ({ promisc: true })),
    },
  });
  const way = (): RouteOp => {
    const [dsts, gws] = pick([
      [["0.0.0.0/0", "10.9.0.0/24", "10.1.0.0/24"], ["10.1.0.1", "10.1.0.9", "10.9.0.1"]],
      [["::/0", "fd00:9::/64", "fd00:1::/64"], ["fd00:1::1", "fd00:1::9", "fd00:9::9"]],
    ]);
    return {
      on: on(),
      link: name(),
      dst: pick(dsts as [string, ...string[]]),
      ...maybe(60, () => ({ gw: pick(gws as [string, ...string[]]) })),
      ...maybe(20, () => ({ scope: 253 })),
      ...maybe(20, () => ({ metric: 50 })),
      ...maybe(20, () => ({ table: 5000 })),
    };
  };
  const address = () => ({ on: on(), link: name(), address: pick([...ADDRESSES]), noDad: true });
  const neighbour = () => ({ on: on(), link: name(), ip: pick(["10.1.0.7", "fd00:1::7"]), mac: "0a:00:00:00:00:09" });
  const addAddress = (): KernelOp => ({ op: "address.add", ...address() });
  const addRoute = (): KernelOp => ({ op: "route.add", ...way() });
  const veth = () => create({ kind: "veth", peer: { on: on(), name: name(), ...identity() } });
  return [
    () => create({ kind: "bridge" }),
    ...[veth, veth, set, set, set, set, addAddress, addAddress, addAddress, addRoute, addRoute, addRoute],
    () => ({ op: "link.delete", on: on(), name: name() }),
    () => ({ op: "port.set", on: on(), name: name(), set: { hairpin: true } }),
    () => ({ op: "address.remove", ...address() }),
    () => ({ op: "route.remove", ...way() }),
    () => ({ op: "neighbour.add", ...neighbour() }),
    () => ({ op: "neighbour.remove", ...neighbour() }),
    () => ({ op: "sysctl.write", on: on(), key: `net/ipv6/conf/${name()}/disable_ipv6`, value: pick(["0", "1"]) }),
  ];
};

/** A script that looks at everything now and then. */
export const randomScript = (random: Random): readonly Step[] => {
  const looks = (["host", "container"] as const).flatMap((on) => everything(on, ...NAMES));
  const make = makers(random);
  return Array.from({ length: STEPS }, (_, at): readonly Step[] => {
    const op = random.pick([...make])();
    return [[JSON.stringify(op), op], ...(at % OPS_PER_LOOK === OPS_PER_LOOK - 1 ? looks : [])];
  }).flat();
};
