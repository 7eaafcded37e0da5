/** Environments that a runtime might set, with faults. */
import { COMMANDS } from "../../src/spec/environment.ts";
import { type Random } from "../property/spec_random.ts";
import { oneOf } from "./fuzz_json.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** A good one for the container `c1` in the namespace `/ns/c1`. */
export const GOOD = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/ns/c1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web-0",
  CNI_PATH: "/opt/cni/bin",
} as const;

const VALUES = [
  ...["", " ", "0", "c2", "..", ".", "../c1", "a/b", "/ns/c2", "/proc/self/ns/net", "eth1", "interface-number", "lo"],
  ...["a\0b", "eth 0", "eth\n0", "é", "😀", "\ud800", "c".repeat(255), "c".repeat(256), "/x".repeat(2000), "__proto__"],
  ...["IP=10.1.0.7", "MAC=02:00:00:00:00:05", "MAC=zz", "IP=1;IP", "K=V", "=", ";", "IgnoreUnknown=maybe", ":::", "-"],
];

const NAMES = [...Object.keys(GOOD), "CNI_COMMAND", "CNI_NETNS_OVERRIDE", "__proto__", "cni_command", "CNI_ARGS "];

const TEXT = [..."abcXYZ019._-/:=; \n\0", "é", "😀", "\ud800", ".."];

/** An environment with none to three faults. */
export function anyEnvironment(random: Random): Environment {
  const command = random.below(12) === 0 ? oneOf(random, ["", "add", "ADDX", "ADD ", "\0"]) : random.pick(COMMANDS);
  const env = new Map<string, string>([["CNI_COMMAND", command], ...Object.entries(GOOD)]);
  for (let left = random.pick([0, 1, 1, 1, 2, 3]); left > 0; left--) {
    const name = oneOf(random, NAMES);
    const kind = random.below(4);
    if (kind === 0) env.delete(name);
    else if (kind === 1) env.set(name, random.list(20, () => oneOf(random, TEXT)).join(""));
    else env.set(name, oneOf(random, VALUES));
  }
  return Object.fromEntries(env);
}
