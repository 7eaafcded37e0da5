import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { within } from "../../src/effects/kernel/linux/netns.ts";
import { can } from "../support/capabilities.ts";
import { openHost, refusedNetns } from "../support/linux_host.ts";
import { newNetns } from "../support/netns.ts";

const here = () => Deno.readLinkSync("/proc/thread-self/ns/net");
const openFds = () => [...Deno.readDirSync("/proc/self/fd")].length;
const ignore = !can.veth;

Deno.test({ name: "a namespace is opened with its cookie, and another one has another cookie", ignore }, () => {
  using host = newNetns();
  using one = newNetns();
  using two = newNetns();
  using a = openHost(host, { path: one.path, allowOwn: false });
  using b = openHost(host, { path: two.path, allowOwn: false });
  using again = openHost(host, { path: one.path, allowOwn: false });
  assert.equal(a.host.netns?.path, one.path);
  assert.match(a.host.netns?.cookie ?? "", /^[1-9]\d*$/);
  assert.notEqual(a.host.netns?.cookie, b.host.netns?.cookie);
  assert.equal(a.host.netns?.cookie, again.host.netns?.cookie);
});

Deno.test({ name: "a missing path is refused as missing, also below a file", ignore }, () => {
  using host = newNetns();
  for (const path of ["/run/netns/cleat-has-no-such-thing", "/proc/self/status/net", ""]) {
    assert.equal(refusedNetns(host, { path, allowOwn: false }).reason, "missing", path);
  }
});

Deno.test(
  { name: "a plain file, a directory, a socket and a namespace of another kind are no network namespace", ignore },
  () => {
    using host = newNetns();
    const file = Deno.makeTempFileSync();
    using _listener = Deno.listen({ transport: "unix", path: `${file}.socket` });
    try {
      for (const path of [file, "/proc", `${file}.socket`, "/proc/self/ns/uts", "/dev/null"]) {
        assert.equal(refusedNetns(host, { path, allowOwn: false }).reason, "not a namespace", path);
      }
    } finally {
      Deno.removeSync(file);
    }
  },
);

Deno.test({ name: "a path that cannot be followed is unreadable, with the errno", ignore }, () => {
  using host = newNetns();
  const folder = Deno.makeTempDirSync();
  try {
    Deno.symlinkSync(`${folder}/loop`, `${folder}/loop`);
    const error = refusedNetns(host, { path: `${folder}/loop`, allowOwn: false });
    assert.equal(error.reason, "unreadable");
    assert.match(error.message, /ELOOP/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test({ name: "the host's own namespace is refused under any path, unless it is allowed", ignore }, () => {
  using host = newNetns();
  assert.equal(refusedNetns(host, { path: host.path, allowOwn: false }).reason, "own");
  assert.equal(refusedNetns(host, { path: "/proc/thread-self/ns/net", allowOwn: false }).reason, "own");
  using own = openHost(host, { path: host.path, allowOwn: true });
  own.apply({ op: "link.set", on: "container", name: "lo", set: { up: true } });
  assert.equal(Effect.runSync(own.host.link("host", "lo"))?.up, true);
});

Deno.test(
  { name: "a recorded namespace is found again, and a path with another cookie counts as gone", ignore },
  () => {
    using host = newNetns();
    using one = newNetns();
    using two = newNetns();
    using first = openHost(host, { path: one.path, allowOwn: false });
    const recorded = first.host.netns;
    assert.ok(recorded !== null);
    using again = openHost(host, { recorded });
    assert.deepEqual(again.host.netns, recorded);
    using stranger = openHost(host, { recorded: { ...recorded, path: two.path } });
    assert.equal(stranger.host.netns, null);
    using plain = openHost(host, { recorded: { ...recorded, path: "/dev/null" } });
    assert.equal(plain.host.netns, null);
  },
);

Deno.test({ name: "a side that is gone looks empty, and ops on it end in ENOENT", ignore }, async () => {
  using ns = newNetns();
  for (const wanted of [null, { recorded: { path: "/run/netns/cleat-has-no-such-thing", cookie: "1" } }]) {
    using gone = openHost(ns, wanted);
    const { host } = gone;
    assert.equal(host.netns, null);
    assert.equal(Effect.runSync(host.link("container", "lo")), null);
    assert.equal(Effect.runSync(host.linkByIndex("container", 1)), null);
    assert.equal(Effect.runSync(host.linkTowards("container", "127.0.0.1")), null);
    assert.equal(Effect.runSync(host.sysctl("container", "net/ipv4/ip_forward")), null);
    assert.deepEqual(Effect.runSync(host.addresses("container", "lo")), []);
    assert.deepEqual(Effect.runSync(host.routes("container", 4)), []);
    assert.deepEqual(Effect.runSync(host.neighbours("container", "lo")), []);
    assert.deepEqual(Effect.runSync(host.vlans("container", "lo")), []);
    assert.equal(await Effect.runPromise(host.awaitUp("container", "lo", 1000)), false);
    assert.equal(await Effect.runPromise(host.awaitDad("container", "lo", 1000)), "done");
    assert.equal(gone.refused({ op: "link.delete", on: "container", name: "eth0" }).errno, "ENOENT");
    const peer = { on: "container", name: "eth0" } as const;
    const error = gone.refused({ op: "link.create", on: "host", name: "veth0", link: { kind: "veth", peer } });
    assert.equal(error.errno, "ENOENT");
    assert.equal(Effect.runSync(host.link("host", "veth0")), null);
  }
});

/** Descriptors that tests of other files, in other threads of this process, may open meanwhile. */
const OTHERS = 100;

Deno.test({ name: "500 excursions leave the thread at home and no descriptor open", ignore }, () => {
  using ns = newNetns();
  const home = here();
  const inside = ns.run(here);
  within(ns.fd, () => {});
  const before = openFds();
  for (let i = 0; i < 500; i++) {
    assert.equal(within(ns.fd, here), inside);
    assert.equal(here(), home);
  }
  assert.throws(() => within(ns.fd, () => assert.fail("on purpose")), /on purpose/);
  assert.equal(here(), home);
  assert.ok(openFds() - before < OTHERS, "an excursion leaves a descriptor open");
});

Deno.test({ name: "an open host, and a refused one, leave no descriptor open", ignore }, () => {
  using host = newNetns();
  using one = newNetns();
  openHost(host, { path: one.path, allowOwn: false })[Symbol.dispose]();
  const before = openFds();
  for (let i = 0; i < 2 * OTHERS; i++) {
    const open = openHost(host, { path: one.path, allowOwn: false });
    open.apply({ op: "link.set", on: "container", name: "lo", set: { up: true } });
    Effect.runSync(open.host.element("container", { family: "inet", table: "none", set: "none", key: [{ port: 1 }] }));
    open[Symbol.dispose]();
    refusedNetns(host, { path: host.path, allowOwn: false });
    refusedNetns(host, { path: "/dev/null", allowOwn: false });
  }
  assert.ok(openFds() - before < OTHERS, "an open host leaves a descriptor open");
});
