/** The configuration of firewall: keys as Go's plugin has them. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { ADMIN_CHAIN, FORWARD, MAX_CHAIN_BYTES } from "../../effects/kernel/forward.ts";
import { stringOr } from "../../spec/config_schema.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { described } from "../../spec/key_descriptions.ts";

/** Keys of firewall. */
export const FirewallConfig = described(
  Schema.Struct({
    backend: Schema.Literals(["", "iptables", "nftables", "firewalld"]).pipe(
      Schema.withDecodingDefaultKey(Effect.succeed("" as const)),
    ),
    iptablesAdminChainName: stringOr(""),
    firewalldZone: stringOr(""),
    ingressPolicy: Schema.Literals(["", "open", "same-bridge", "isolated"]).pipe(
      Schema.withDecodingDefaultKey(Effect.succeed("open" as const)),
    ),
  }),
  {
    backend:
      "what lets containers through the host's firewall; nftables is the chains of iptables-nft without its program; left " +
      "out, it is firewalld where that runs, else iptables",
    iptablesAdminChainName: `chain that iptables asks first, for rules of administrators; empty for ${ADMIN_CHAIN}`,
    firewalldZone: 'zone of firewalld for the addresses of containers; empty for "trusted"',
    ingressPolicy:
      "who else may reach containers: open leaves that to the host's firewall; same-bridge keeps out other networks with " +
      "a policy, isolated also the containers of the same bridge",
  },
);

/** A decoded firewall configuration. */
export type FirewallConfig = typeof FirewallConfig.Type;

/** What a configuration comes to. */
export interface FirewallPlan {
  /** Null where it is to be found out. */
  readonly backend: "iptables" | "nftables" | "firewalld" | null;
  readonly adminChain: string;
  readonly zone: string;
  readonly policy: "open" | "same-bridge" | "isolated";
}

/** Names that lead elsewhere: targets of iptables' own, chains of the kernel's, and those this plugin and Go's keep. */
const TAKEN: ReadonlySet<string> = new Set([
  ...["ACCEPT", "DROP", "RETURN", "QUEUE", "INPUT", "OUTPUT", "CNI-ISOLATION-STAGE-2"],
  ...Object.values(FORWARD),
]);

/** Zone names of firewalld: at most 17 characters (firewalld.zone(5)). */
const ZONE = /^[A-Za-z0-9_/][A-Za-z0-9_/-]{0,16}$/;

const invalid = (key: string, value: string, why: string): Refused =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: `Cannot use "${key}": "${value}" ${why}` });

/** Checks a configuration and fills in defaults. Ends with `Refused` (code 7) naming key and value. */
export const planFirewall = (config: FirewallConfig): Effect.Effect<FirewallPlan, Refused> => {
  const adminChain = config.iptablesAdminChainName || ADMIN_CHAIN;
  const zone = config.firewalldZone || "trusted";
  if (!/^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(adminChain) || adminChain.length > MAX_CHAIN_BYTES) {
    const why = `is not a name of 1 to ${MAX_CHAIN_BYTES} letters, digits, '_', '.' and '-'`;
    return Effect.fail(invalid("iptablesAdminChainName", adminChain, why));
  }
  if (TAKEN.has(adminChain)) {
    return Effect.fail(invalid("iptablesAdminChainName", adminChain, "has a meaning of its own; choose another name"));
  }
  if (!ZONE.test(zone)) {
    return Effect.fail(invalid("firewalldZone", zone, "is not a name of 1 to 17 letters, digits, '_', '/' and '-'"));
  }
  return Effect.succeed({
    backend: config.backend || null,
    adminChain,
    zone,
    policy: config.ingressPolicy || "open",
  });
};
