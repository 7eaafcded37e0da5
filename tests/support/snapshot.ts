/** Everything a namespace is made of, as text, so that two moments can be compared to the letter. */
import type { Netns } from "./netns.ts";

/** What `ip`, `bridge` and `nft` say, by the question. */
const QUESTIONS = {
  links: "ip -o -d link",
  addresses: "ip -o address",
  routes: "ip route show table all; ip -6 route show table all",
  rules: "ip rule; ip -6 rule",
  neighbours: "ip neighbour show nud permanent",
  forwarding: "bridge fdb show; bridge vlan show",
  firewall: "nft -s list ruleset",
  sysctls: "grep -rs '' /proc/sys/net",
} as const;

/** Sysctls that count, or that make something happen when they are read; link-local addresses, which follow a link late. */
const MOMENTARY = /nf_conntrack_count|\/flush:|stable_secret|\bfe80:/;

/** A line without what the clock does to it: lifetimes, timers of a bridge, and the carrier, which follows late. */
const lasting = (line: string): string =>
  line.replace(/\b(expires|valid_lft|preferred_lft) \d+sec/g, "").replace(/\b\w+_timer +[\d.]+/g, "")
    .replace(/\bstate (UP|DOWN|LOWERLAYERDOWN|UNKNOWN)|\b(NO-CARRIER|LOWER_UP),?|,LOWER_UP| linkdown/g, "").trimEnd();

/** A namespace's links, addresses, routes, rules, neighbours, firewall and sysctls: sorted lines by question. */
export type Snapshot = Readonly<Record<string, readonly string[]>>;

/** All questions to one shell, each answer behind a line that no answer has. */
const script = Object.values(QUESTIONS).map((command) => `${command}; echo ====`).join("\n");

/** Reads all of it. The order of lines is dropped, for the kernel's is of no meaning here. */
export function snapshot(ns: Netns): Snapshot {
  const answers = ns.sh(script).stdout.split("====\n");
  const names = Object.keys(QUESTIONS);
  return Object.fromEntries(names.map((name, i) => {
    const lines = (answers[i] ?? "").split("\n").map(lasting);
    return [name, lines.filter((line) => line !== "" && !MOMENTARY.test(line)).sort()];
  }));
}
