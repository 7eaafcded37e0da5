/** A DHCP daemon in memory with one pool of addresses: the twin of `dhcp_system.ts`. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { isJsonObject, jsonOf } from "../../spec/json.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import { Dhcp, DhcpError } from "./dhcp.ts";
import type { DhcpGrant, HeldLease, RpcArgs } from "./rpc.ts";

/** What the daemon does differently from one that works. */
export interface DhcpBehaviour {
  /** How it fails, if it does. */
  readonly fails?: DhcpError["reason"];
  /** It is Go's, and cannot tell which leases it has. */
  readonly isGos?: boolean;
}

/** Called around every change. What it throws is a defect, as if the process had died at that point. */
export interface MemoryDhcpHooks {
  onChange?: (phase: "before" | "after") => void;
}

/** The daemon, and what tests do to it. */
export interface MemoryDhcp {
  readonly layer: Layer.Layer<Dhcp>;
  /** Addresses by attachment: `<network>/<container>/<interface>`. */
  readonly dump: () => Readonly<Record<string, string>>;
  /** What it was told in its last call. */
  readonly lastCall: () => RpcArgs | null;
  readonly behave: (how: DhcpBehaviour) => void;
}

/** What a server on the network grants, but for the address, of 192.0.2.0/24, from .5 on. */
const TERMS: Omit<DhcpGrant, "ips"> = {
  routes: [{ dst: "0.0.0.0/0", gw: "192.0.2.1" }],
  dns: { nameservers: ["192.0.2.53"], domain: "lab.example" },
};
const FIRST = 5, LAST = 254;

const nameOf = ({ network, containerId, ifName }: AttachmentKey): string => `${network}/${containerId}/${ifName}`;

const networkIn = ({ stdin }: RpcArgs): string => {
  const raw = jsonOf(stdin);
  return isJsonObject(raw) && typeof raw.name === "string" ? raw.name : "";
};

/**
 * A new daemon, without leases. Every use of the layer shares it.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { Dhcp } from "./dhcp.ts";
 * import { memoryDhcp } from "./memory.ts";
 * const call = { containerId: "c1", ifName: "eth0", netns: "/ns", args: "", path: "", stdin: '{"name":"lan"}' };
 * const daemon = memoryDhcp();
 * const allocate = Effect.flatMap(Dhcp, (dhcp) => dhcp.allocate("/run/cni/dhcp.sock", call));
 * const { ips } = Effect.runSync(Effect.provide(allocate, daemon.layer));
 * if (ips[0]?.address !== "192.0.2.5/24" || daemon.dump()["lan/c1/eth0"] === undefined) throw new Error("not leased");
 * ```
 */
export const memoryDhcp = (hooks: MemoryDhcpHooks = {}): MemoryDhcp => {
  const leases = new Map<string, HeldLease & { readonly network: string }>();
  let how: DhcpBehaviour = {};
  let last: RpcArgs | null = null;
  const faulty = (socket: string) =>
    Effect.suspend(() =>
      how.fails === undefined
        ? Effect.void
        : Effect.fail(new DhcpError({ socket, reason: how.fails, detail: "as the test wants it" }))
    );
  const change = <A>(run: () => A): Effect.Effect<A> =>
    Effect.sync(() => {
      hooks.onChange?.("before");
      const answer = run();
      hooks.onChange?.("after");
      return answer;
    });
  const grant = (args: RpcArgs): DhcpGrant => {
    last = args;
    const key = { network: networkIn(args), containerId: args.containerId, ifName: args.ifName };
    const taken = new Set([...leases.values()].map(({ address }) => address));
    let host = FIRST;
    while (taken.has(`192.0.2.${host}/24`) && host < LAST) host++;
    const lease = leases.get(nameOf(key)) ?? { ...key, address: `192.0.2.${host}/24` };
    leases.set(nameOf(key), lease);
    return { ips: [{ address: lease.address, gateway: "192.0.2.1" }], ...TERMS };
  };
  return {
    layer: Layer.succeed(Dhcp)({
      reach: faulty,
      leases: (socket, of) =>
        Effect.map(
          faulty(socket),
          () =>
            how.isGos ? null : [...leases.values()].filter((lease) =>
              lease.network === of.network &&
              (!("containerId" in of) || nameOf(lease) === nameOf(of))
            ),
        ),
      allocate: (socket, args) => Effect.andThen(faulty(socket), change(() => grant(args))),
      release: (socket, key) =>
        how.fails === "unreachable"
          ? change(() => leases.delete(nameOf(key)) && false)
          : Effect.andThen(faulty(socket), change(() => leases.delete(nameOf(key)) || true)),
    }),
    dump: () => Object.fromEntries([...leases].map(([name, { address }]) => [name, address])),
    lastCall: () => last,
    behave: (next) => {
      how = next;
    },
  };
};
