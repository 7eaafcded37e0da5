/** CHECK of bandwidth, what it adopts, and what GC finds, on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { runGc } from "../../../src/engine/run_gc.ts";
import { bandwidth } from "../../../src/plugins/bandwidth.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { bandwidthConf, bandwidthMachine, IFB, LIMITS, pairOf } from "../../support/bandwidth_machine.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { outcomeOf } from "../../support/engine.ts";

const { ingressRate, ingressBurst } = LIMITS;
const STREAM = { network: "net1", containerId: "c1", ifName: "eth0", slot: "bandwidth" };
const NO_BUCKET = { op: "qdisc.delete", on: "host", link: "veth1", parent: "root", handle: "1:", kind: "tbf" } as const;
const NO_INGRESS = {
  op: "qdisc.delete",
  on: "host",
  link: "veth1",
  parent: "ingress",
  handle: "ffff:",
  kind: "ingress",
} as const;
const BUCKET = {
  op: "qdisc.add",
  on: "host",
  link: "veth1",
  parent: "root",
  handle: "1:",
  qdisc: { kind: "tbf", rate: 1_000_000, burst: 100_000, limit: 125_000 },
} as const;
const INGRESS = {
  op: "qdisc.add",
  on: "host",
  link: "veth1",
  parent: "ingress",
  handle: "ffff:",
  qdisc: { kind: "ingress" },
} as const;
const TO_IFB = {
  op: "filter.add",
  on: "host",
  link: "veth1",
  parent: "ffff:",
  priority: 1,
  protocol: "all",
  flow: "1:1",
  redirect: IFB,
} as const;

/** What an older release of Go's plugin makes of `LIMITS`. */
const GOS: readonly KernelOp[] = [
  BUCKET,
  { op: "link.create", on: "host", name: IFB, link: { kind: "ifb" }, mtu: 1_400, up: true },
  INGRESS,
  TO_IFB,
  { ...BUCKET, link: IFB, qdisc: { kind: "tbf", rate: 2_000_000, burst: 50_000, limit: 100_000 } },
];

/** A class, and all else in it or in another, as newer releases make it. */
const classesOn = (link: string, rate: number, burst: number, fallback: string): readonly KernelOp[] => [
  { ...BUCKET, link, qdisc: { kind: "htb", fallback } },
  { op: "class.add", on: "host", link, parent: "1:", class: "1:30", rate, burst },
  { op: "class.add", on: "host", link, parent: "1:", class: "1:1", rate: 1e11, burst: 0 },
];

const NEWER: readonly KernelOp[] = [
  ...classesOn("veth1", 1_000_000, 100_000, "1:30"),
  ...GOS.slice(1, 4),
  ...classesOn(IFB, 2_000_000, 50_000, "1:30"),
];

const DRIFTS: readonly (readonly [string, readonly KernelOp[], RegExp])[] = [
  [
    "the bucket is gone, though something else is queued",
    [NO_BUCKET],
    /root of link "veth1".*expected tbf 1:, found none/,
  ],
  [
    "another rate",
    [NO_BUCKET, { ...BUCKET, qdisc: { ...BUCKET.qdisc, rate: 2_000_000, burst: 200_000 } }],
    /expected a rate of 1000000 bytes per second, found 2000000 bytes per second/,
  ],
  [
    "another burst",
    [NO_BUCKET, { ...BUCKET, qdisc: { ...BUCKET.qdisc, burst: 90_000 } }],
    /expected a burst of 100000 bytes, found 90000 bytes/,
  ],
  [
    "another queue",
    [NO_BUCKET, { ...BUCKET, qdisc: { ...BUCKET.qdisc, limit: 300_000 } }],
    /expected a queue of 125000 bytes, found 300000 bytes/,
  ],
  ["the ifb is gone", [{ op: "link.delete", on: "host", name: IFB }], new RegExp(`${IFB}".* expected it to exist`)],
  ["the ifb is down", [{ op: "link.set", on: "host", name: IFB, set: { up: false } }], /expected state up, found down/],
  ["nothing is led to it", [NO_INGRESS], /ingress of link "veth1".*expected ingress ffff:, found none/],
  ["no filter leads to it", [NO_INGRESS, INGRESS], /filter for all packets of link "veth1".*expected it to exist/],
  [
    "the filter leads elsewhere",
    [NO_INGRESS, INGRESS, { ...TO_IFB, redirect: "veth1" }],
    new RegExp(`expected a redirection to "${IFB}", found "veth1"`),
  ],
];

for (const [what, drift, words] of DRIFTS) {
  Deno.test(`CHECK finds that ${what}, whoever has made the limits`, async () => {
    for (const gos of [false, true]) {
      const { run, drift: change } = bandwidthMachine(gos ? GOS : []);
      if (!gos) result(await run("ADD", bandwidthConf(LIMITS)));
      done(await run("CHECK", bandwidthConf(LIMITS)));
      change(...drift);
      const { msg, details = "" } = failure(await run("CHECK", bandwidthConf(LIMITS)));
      assert.match(`${msg}; ${details}`, words);
    }
  });
}

Deno.test("CHECK agrees with limits of newer releases of Go's plugin, and finds what drifted of them", async () => {
  const { run, drift } = bandwidthMachine(NEWER);
  done(await run("CHECK", bandwidthConf({ ...LIMITS, unshapedSubnets: ["10.0.0.0/8"] })));
  done(await run("CHECK", bandwidthConf(LIMITS)));
  const shaped = failure(await run("CHECK", bandwidthConf({ ...LIMITS, shapedSubnets: ["10.0.0.0/8"] })));
  assert.match(shaped.msg, /expected the class for all else to be none, found 1:30/);
  drift({ ...NO_BUCKET, kind: "htb" }, ...classesOn("veth1", 3_000_000, 100_000, "1:30"));
  assert.match(
    failure(await run("CHECK", bandwidthConf(LIMITS))).msg,
    /rate of 1000000 bytes per second, found 3000000/,
  );
});

Deno.test("CHECK agrees with limits for all partners of a family, of which the kernel shows no address", async () => {
  for (const subnets of [{ shapedSubnets: ["0.0.0.0/0"] }, { unshapedSubnets: ["::/0", "10.0.0.0/8"] }]) {
    const config = bandwidthConf({ ...LIMITS, ...subnets });
    const { run, machine } = bandwidthMachine();
    result(await run("ADD", config));
    done(await run("CHECK", config));
    machine.log.put(STREAM, "");
    done(await run("CHECK", config));
  }
});

Deno.test("CHECK of limits whose log was lost agrees, also for some partners and with a small burst", async () => {
  for (const more of [{}, { shapedSubnets: ["10.0.0.0/8"] }, { unshapedSubnets: ["fd00::/8"] }, { ingressBurst: 80 }]) {
    const config = bandwidthConf({ ...LIMITS, ...more });
    const { run, machine, state } = bandwidthMachine();
    const before = state();
    result(await run("ADD", config));
    machine.log.put(STREAM, "");
    done(await run("CHECK", config));
    machine.log.put(STREAM, "");
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  }
});

Deno.test("CHECK without a previous result, and behind a link that is none, says so", async () => {
  const { run } = bandwidthMachine();
  const { prevResult: _, ...bare } = bandwidthConf(LIMITS);
  assert.match(failure(await run("CHECK", bare)).msg, /limits of "c1": prevResult is missing/);
  const key = { network: "net1", containerId: "c1", ifName: "eth7" };
  assert.match(failure(await run("CHECK", bandwidthConf(LIMITS), { key })).msg, /there is no link "eth7"/);
});

for (const [whose, before] of [["older", GOS], ["newer", NEWER]] as const) {
  Deno.test(`DEL removes what ${whose} releases of Go's plugin have made, with the container or without`, async () => {
    const clean = bandwidthMachine().state();
    for (const netns of ["/ns/c1", ""]) {
      const { run, state } = bandwidthMachine(before);
      done(await run("DEL", bandwidthConf(LIMITS), { netns }));
      assert.deepEqual(state(), clean, netns);
    }
  });
}

Deno.test("DEL of what the log does not know spares what is somebody else's", async () => {
  const foreign: readonly KernelOp[] = [BUCKET, INGRESS, { ...TO_IFB, redirect: "veth1" }, ...pairOf("veth8", "eth8")];
  const { run, state } = bandwidthMachine(foreign);
  const before = state();
  done(await run("DEL", bandwidthConf({ egressRate: 8_000, egressBurst: 80 })));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "bandwidth" }));
  assert.deepEqual(state(), before);
  const alias = { op: "link.set", on: "host", name: IFB, set: { alias: "net1/c1/eth9" } } as const;
  const others = bandwidthMachine([...GOS.slice(1, 2), alias]);
  const kept = others.state();
  done(await others.run("DEL", bandwidthConf(LIMITS)));
  assert.deepEqual(others.state(), kept, "the alias says that it is another interface's");
});

const gcConfig = (...ids: readonly string[]): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: "bandwidth",
  "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
});

Deno.test("GC removes what is not valid, also where the log was lost, and spares the valid and what Go has made", async () => {
  for (const lost of [false, true]) {
    const { run, machine, host, queues } = bandwidthMachine([
      { op: "link.create", on: "host", name: "bwp000000000000", link: { kind: "ifb" } },
    ]);
    const gc = async (...ids: readonly string[]) => {
      const raw = { ...gcConfig(...ids), ...LIMITS };
      return outcomeOf(await machine.run(runGc(bandwidth, { raw, cniVersion: "1.1.0", path: "" })));
    };
    result(await run("ADD", bandwidthConf({ ...LIMITS, ingressRate, ingressBurst })));
    if (lost) machine.log.put(STREAM, "");
    done(await gc("c1"));
    assert.equal(host().links[IFB]?.kind, "ifb");
    done(await gc("c2"));
    assert.equal(host().links[IFB], undefined);
    assert.equal(host().links.bwp000000000000?.kind, "ifb");
    assert.deepEqual(queues("veth1"), {}, "what led to the ifb would lead nowhere");
  }
});

Deno.test("for some partners there is a class with the limit, and filters by their addresses in each direction", async () => {
  const prefixes = ["10.0.0.0/8", "fd00:db8:abcd:1234:e000::/68"];
  for (const shaped of [true, false]) {
    const { run, queues, state } = bandwidthMachine();
    const before = state();
    const config = bandwidthConf({ ...LIMITS, [shaped ? "shapedSubnets" : "unshapedSubnets"]: prefixes });
    result(await run("ADD", config));
    done(await run("CHECK", config));
    for (
      const [link, field, rate, burst, limit] of [
        ["veth1", "src", 1_000_000, 100_000, 125_000],
        [IFB, "dst", 2_000_000, 50_000, 100_000],
      ] as const
    ) {
      const { root, "1:30": queue } = queues(link);
      assert.deepEqual(root?.qdisc, { kind: "htb", ...(shaped ? {} : { fallback: "1:30" }) });
      assert.deepEqual(root?.classes, { "1:30": { rate, burst } });
      assert.deepEqual(queue?.qdisc, { kind: "bfifo", limit });
      const filters = root?.filters.map(({ flow, match }) => ({ flow, match }));
      const flow = shaped ? "1:30" : "1:";
      assert.deepEqual(filters, prefixes.toReversed().map((prefix) => ({ flow, match: { field, prefix } })));
    }
    done(await run("DEL", config));
    assert.deepEqual(state(), before);
  }
});
