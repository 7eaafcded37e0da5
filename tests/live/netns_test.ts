import assert from "node:assert/strict";
import { can } from "../support/capabilities.ts";
import { newNetns } from "../support/netns.ts";

const here = () => Deno.readLinkSync("/proc/thread-self/ns/net");

Deno.test({ name: "a namespace is another one, and run comes home from it", ignore: !can.netns }, () => {
  using ns = newNetns();
  const home = here();
  const inside = ns.run(here);
  assert.notEqual(inside, home);
  assert.equal(here(), home);
  assert.equal(Deno.readLinkSync(ns.path), inside);
});

Deno.test({ name: "run comes home when its function throws, and refuses a promise", ignore: !can.netns }, () => {
  using ns = newNetns();
  const home = here();
  assert.throws(() => ns.run(() => assert.fail("on purpose")), /on purpose/);
  assert.throws(() => ns.run(() => Promise.resolve()), TypeError);
  assert.equal(here(), home);
});

Deno.test({ name: "sh and spawn work inside, other processes can open the path", ignore: !can.netns }, async () => {
  using ns = newNetns({ lo: true });
  assert.match(ns.must("ip -o link show lo"), /LOWER_UP/);
  assert.equal(ns.sh("exit 3").code, 3);
  assert.throws(() => ns.must("echo sorry >&2; exit 1"), /sorry/);
  const child = ns.spawn("readlink", { args: ["/proc/self/ns/net"], stdout: "piped", stderr: "null" });
  assert.equal(new TextDecoder().decode((await child.output()).stdout).trim(), ns.run(here));
  using other = newNetns();
  assert.equal(other.must(`readlink ${ns.path}`).trim(), ns.run(here));
});

Deno.test({ name: "two namespaces are not the same", ignore: !can.veth }, () => {
  using one = newNetns();
  using two = newNetns();
  one.must("ip link add only0 type veth peer name only1");
  assert.notEqual(two.sh("ip link show only0").code, 0);
});
