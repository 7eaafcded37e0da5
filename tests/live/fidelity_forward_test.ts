/** iptables' FORWARD, and firewalld: the simulated machine and the programs tell the same story. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { HostError, HostShape } from "../../src/effects/kernel/host.ts";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { simulatedKernel } from "../../src/effects/kernel/simulated.ts";
import { wordsOf } from "../../src/effects/kernel/linux/iptables.ts";
import { readNative, transactNative } from "../../src/effects/kernel/linux/iptables_native.ts";
import { OpenNetns } from "../../src/effects/kernel/linux/netns.ts";
import { can, unless } from "../support/capabilities.ts";
import { fakeFirewalld } from "../support/fake_firewalld.ts";
import { kernelStage, simulatedStage } from "../support/host_stage.ts";
import { openHost } from "../support/machine.ts";
import { newNetns } from "../support/netns.ts";

const done = (effect: Effect.Effect<unknown, HostError>): unknown =>
  Effect.runSync(Effect.match(effect, { onSuccess: (value) => value ?? "ok", onFailure: ({ errno }) => errno }));

const rulesIn = (host: HostShape): unknown => [
  ...([4, 6] as const).map((family) => done(host.iptablesRules("host", family, "filter"))),
  done(host.iptablesRules("host", 4)),
  done(host.iptablesChains("host", 4)),
];

const open = (family: 4 | 6, adminChain: string, ...addresses: string[]): KernelOp => ({
  op: "iptables.open",
  on: "host",
  family,
  addresses,
  adminChain,
});
const close = (family: 4 | 6, ...addresses: string[]): KernelOp => ({
  op: "iptables.close",
  on: "host",
  family,
  addresses,
});

const STEPS: readonly KernelOp[] = [
  close(4, "10.1.0.2"),
  open(4, "CNI-ADMIN", "10.1.0.2", "10.1.0.3"),
  open(4, "CNI-ADMIN", "10.1.0.2"),
  open(6, "OPS", "fd00:1::2"),
  open(4, "OPS", "10.1.0.4"),
  close(4, "10.1.0.2", "10.1.0.9"),
  close(6, "fd00:1:0::2"),
  close(4, "10.1.0.2"),
  close(4, "10.1.0.2"),
];

const works = can.netns && can.nft && can.iptables;

for (
  const [how, natively] of [["by the program", [false]], ["natively", [true]], ["in turns", [false, true]]] as const
) {
  Deno.test({
    ...unless(works, `iptables.open and iptables.close, ${how}, are done as in memory`, "no iptables"),
    fn() {
      using twin = simulatedStage();
      using kernel = kernelStage();
      for (const [at, step] of STEPS.entries()) {
        const op = natively[at % natively.length] === true ? { ...step, natively: true } : step;
        assert.deepEqual(done(kernel.host.apply(op)), done(twin.host.apply(op)), JSON.stringify(op));
        assert.deepEqual(rulesIn(kernel.host), rulesIn(twin.host), JSON.stringify(op));
      }
    },
  });
}

Deno.test({
  ...unless(
    works,
    "without the program the table reads as the program prints it; what is none of ours equals nothing",
    "no iptables",
  ),
  fn() {
    using ns = newNetns();
    ns.must(`iptables -N CNI-FORWARD
      iptables -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
      iptables -A CNI-FORWARD -d 10.1.0.2 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      iptables -A CNI-FORWARD -s 10.1.0.2 -j ACCEPT
      iptables -A FORWARD -j RETURN`);
    const netns = OpenNetns.at(ns.path);
    try {
      const printed = ns.must("iptables -S").split("\n").filter((line) => line.startsWith("-A")).map(wordsOf).sort();
      // Which chain comes first is chance.
      assert.deepEqual(readNative(netns, 4).rules.map(({ words }) => words).toSorted(), printed);
      assert.deepEqual(readNative(netns, 6).rules, []);
      ns.must("iptables -F; iptables -A FORWARD -s 10.1.0.0/24 -p tcp -m conntrack --ctstate NEW -j ACCEPT");
      for (const { words } of readNative(netns, 4).rules) assert.ok(words.includes("?"), words.join(" "));
    } finally {
      netns.close();
    }
  },
});

Deno.test({
  ...unless(works, "natively, what others change meanwhile is in the way of chains and jumps alone", "no iptables"),
  fn() {
    using ns = newNetns();
    ns.must("iptables -N CNI-FORWARD; iptables -A CNI-FORWARD -s 10.1.0.2 -j ACCEPT; nft add table inet busy");
    const netns = OpenNetns.at(ns.path);
    /** The answer to a transaction between whose look and whose change somebody else has changed something. */
    const late = (change: string, ...commands: readonly string[]) => {
      const found = readNative(netns, 4);
      ns.must(change);
      return transactNative(netns, 4, found, commands.map(wordsOf));
    };
    const busy = "nft add chain inet busy more; nft delete chain inet busy more";
    try {
      assert.equal(
        late(busy, "-A CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT", "-D CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT"),
        null,
      );
      assert.equal(late(busy, "-I FORWARD 1 -m comment --comment x -j CNI-FORWARD"), "ERESTART");
      assert.equal(late(busy, "-N OPS"), "ERESTART");
      const gone = "iptables -D CNI-FORWARD -s 10.1.0.3 -j ACCEPT";
      assert.equal(late(gone, "-D CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT"), "ENOENT");
      assert.equal(ns.must("iptables -S CNI-FORWARD").trim(), "-N CNI-FORWARD");
    } finally {
      netns.close();
    }
  },
});

const ZONES: readonly KernelOp[] = [
  { op: "firewalld.remove", on: "host", zone: "trusted", source: "10.1.0.2/32" },
  { op: "firewalld.add", on: "host", zone: "trusted", source: "10.1.0.2/32" },
  { op: "firewalld.add", on: "host", zone: "trusted", source: "10.1.0.2/32" },
  { op: "firewalld.add", on: "host", zone: "work", source: "10.1.0.2/32" },
  { op: "firewalld.remove", on: "host", zone: "work", source: "10.1.0.2/32" },
  { op: "firewalld.add", on: "host", zone: "work", source: "fd00::2/128" },
  { op: "firewalld.remove", on: "host", zone: "trusted", source: "10.1.0.2/32" },
];

const zonesIn = (host: HostShape): unknown =>
  ["10.1.0.2/32", "fd00::2/128"].map((source) => done(host.firewalldZone("host", source)));

Deno.test({
  ...unless(can.netns, "firewalld.add and firewalld.remove are done as in memory", "no namespaces"),
  fn() {
    const folder = Deno.makeTempDirSync();
    const path = Deno.env.get("PATH") ?? "";
    try {
      using kernel = kernelStage();
      const program = fakeFirewalld(folder);
      const twin = simulatedKernel({ firewalld: true });
      const simulated = openHost(twin, null);
      Deno.env.set("PATH", `${folder}:${path}`);
      for (const op of ZONES) {
        const [word] = String(done(kernel.host.apply(op))).split(":");
        assert.equal(word, done(simulated.apply(op)), JSON.stringify(op));
        assert.deepEqual(zonesIn(kernel.host), zonesIn(simulated), JSON.stringify(op));
      }
      const nowhere = { op: "firewalld.add", on: "host", zone: "nowhere", source: "10.1.0.7/32" } as const;
      assert.match(String(done(kernel.host.apply(nowhere))), /firewall-cmd ended with 112: .*INVALID_ZONE/);
      program.stop();
      twin.setFirewalld(false);
      assert.equal(done(kernel.host.firewalldRuns("host")), done(simulated.firewalldRuns("host")));
      for (const op of ZONES.filter(({ op }) => op === "firewalld.remove")) {
        assert.equal(done(kernel.host.apply(op)), done(simulated.apply(op)));
      }
      const [, add = nowhere] = ZONES;
      assert.match(String(done(kernel.host.apply(add))), /not running/);
    } finally {
      Deno.env.set("PATH", path);
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
