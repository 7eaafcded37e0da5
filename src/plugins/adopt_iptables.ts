/** Reading what Go's plugins keep in the NAT tables of iptables and ip6tables. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import { View } from "../engine/view.ts";
import { ifKnown } from "./adopt_look.ts";

/** A rule that leads to a chain. */
export interface Jump {
  readonly target: string;
  readonly comment: string;
}

const after = (rule: readonly string[], word: string): string => {
  const at = rule.indexOf(word);
  return at < 0 ? "" : rule[at + 1] ?? "";
};

/** The rules with comments that lead to chains with this prefix. The program is started only where there is one. */
export const readIptables: (prefix: string) => Effect.Effect<readonly Jump[], HostError, View> = Effect.fnUntraced(
  function* (prefix) {
    const { host } = yield* View;
    const jumps: Jump[] = [];
    for (const family of [4, 6] as const) {
      const chains = yield* ifKnown(host.iptablesChains("host", family));
      if (!chains.some((chain) => chain.startsWith(prefix))) continue;
      for (const rule of yield* host.iptablesRules("host", family)) {
        const target = after(rule, "-j"), comment = after(rule, "--comment");
        if (target.startsWith(prefix) && comment !== "") jumps.push({ target, comment });
      }
    }
    return jumps;
  },
);

/** The network and the container in a comment of Go's: `<start>name: "net" id: "c1"`; empty where there are none. */
export const namedIn = (comment: string, start: string): { readonly network: string; readonly containerId: string } => {
  const [, network = "", containerId = ""] = comment.startsWith(start)
    ? /^name: "([^"]+)" id: "([^"]+)"$/.exec(comment.slice(start.length)) ?? []
    : [];
  return { network, containerId };
};
