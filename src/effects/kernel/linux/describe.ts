/** Ops and failures in words. */
import { HostError } from "../host.ts";
import type { KernelOp, Side } from "../op.ts";
import { SystemError } from "../../libc/errno.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import { NftFailure } from "./nftables/failure.ts";

/** Cannot `doing` "`subject`". */
export interface Deed {
  readonly doing: string;
  readonly subject: string;
}

/** Which side a thing is on. */
export const where = (side: Side): string => side === "host" ? "on the host" : "in the container";

const subjectOf = (op: KernelOp): string => {
  switch (op.op) {
    case "sysctl.write":
      return op.key;
    case "nft.apply":
      return op.commands.map(({ family, table }) => `table ${family} ${table}`)[0] ?? "nothing";
    case "conntrack.flush":
      return `${op.protocol} port ${op.port}`;
    case "iptables.delete":
      return op.chain;
    case "iptables.open":
    case "iptables.close":
      return op.addresses.join(", ");
    case "firewalld.add":
    case "firewalld.remove":
      return `${op.source} in zone ${op.zone}`;
    case "address.add":
    case "address.remove":
      return `${op.address} on ${op.link}`;
    case "route.add":
    case "route.remove":
      return `${op.dst} over ${op.link}`;
    case "rule.add":
    case "rule.remove":
      return `${op.from} to table ${op.table}`;
    case "neighbour.add":
    case "neighbour.remove":
      return `${op.ip} on ${op.link}`;
    case "qdisc.add":
    case "qdisc.delete":
    case "class.add":
    case "filter.add":
      return op.link;
    default:
      return op.name;
  }
};

/** `route.add` in the container is "add route in the container". */
export function describeOp(op: KernelOp): Deed {
  const [noun, verb] = op.op.split(".");
  return { doing: `${verb} ${noun} ${where(op.on)}`, subject: subjectOf(op) };
}

/**
 * A failure of this layer as the typed error of the service. What is none is a defect and is thrown on. nf_tables
 * failures know themselves what they are about.
 */
export function hostError(deed: Deed, cause: unknown): HostError {
  if (cause instanceof HostError) return cause;
  if (!(cause instanceof SystemError)) throw cause;
  const { doing, subject } = cause instanceof NftFailure ? cause : deed;
  const extack = cause instanceof NetlinkFailure ? cause.extack : undefined;
  return new HostError({ doing, subject, errno: cause.errno, ...(extack === undefined ? {} : { extack }) });
}
