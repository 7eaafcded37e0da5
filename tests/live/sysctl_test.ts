import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { can } from "../support/capabilities.ts";
import { openHost } from "../support/linux_host.ts";
import { newNetns } from "../support/netns.ts";

const ignore = !can.netns;
const FORWARD = "net/ipv4/conf/lo/forwarding";

Deno.test({ name: "a sysctl is written on the side it is meant for, and nowhere else", ignore }, () => {
  using host = newNetns();
  using container = newNetns();
  using open = openHost(host, { path: container.path, allowOwn: false });
  const read = (on: "host" | "container") => Effect.runSync(open.host.sysctl(on, FORWARD));
  for (const on of ["host", "container"] as const) open.apply({ op: "sysctl.write", on, key: FORWARD, value: "0" });
  open.apply({ op: "sysctl.write", on: "container", key: FORWARD, value: "1" });
  assert.deepEqual([read("host"), read("container")], ["0", "1"]);
  open.apply({ op: "sysctl.write", on: "host", key: FORWARD, value: "1" });
  open.apply({ op: "sysctl.write", on: "container", key: FORWARD, value: "0" });
  assert.deepEqual([read("host"), read("container")], ["1", "0"]);
  assert.equal(container.must(`cat /proc/sys/${FORWARD}`), "0\n");
});

Deno.test({ name: "a value is read without its newline, inner white space kept", ignore }, () => {
  using ns = newNetns();
  using open = openHost(ns, null);
  open.apply({ op: "sysctl.write", on: "host", key: "net/ipv4/ip_local_port_range", value: "20000 30000" });
  assert.equal(Effect.runSync(open.host.sysctl("host", "net/ipv4/ip_local_port_range")), "20000\t30000");
});

Deno.test({ name: "a key that does not exist reads as null and cannot be written", ignore }, () => {
  using ns = newNetns();
  using open = openHost(ns, null);
  for (const key of ["net/ipv4/no_such_key", "net/ipv4/conf/eth9/forwarding", "net/ipv4", "net/ipv4/ip_forward/x"]) {
    assert.equal(Effect.runSync(open.host.sysctl("host", key)), null, key);
  }
  const error = open.refused({ op: "sysctl.write", on: "host", key: "net/ipv4/no_such_key", value: "1" });
  assert.equal(error.errno, "ENOENT");
  assert.equal(error.message, 'Cannot write sysctl on the host "net/ipv4/no_such_key": ENOENT');
});

Deno.test({ name: "a value the kernel does not take ends in EINVAL and changes nothing", ignore }, () => {
  using ns = newNetns();
  using open = openHost(ns, null);
  const before = Effect.runSync(open.host.sysctl("host", FORWARD));
  assert.equal(open.refused({ op: "sysctl.write", on: "host", key: FORWARD, value: "many" }).errno, "EINVAL");
  assert.equal(Effect.runSync(open.host.sysctl("host", FORWARD)), before);
});

Deno.test({ name: "a key cannot leave /proc/sys", ignore }, () => {
  using ns = newNetns();
  using open = openHost(ns, null);
  for (const key of ["../self/comm", "net/../../self/comm", "/etc/hostname", "net//ipv4/ip_forward", ""]) {
    assert.equal(open.refused({ op: "sysctl.write", on: "host", key, value: "x" }).errno, "EINVAL", key);
    assert.equal(Effect.runSync(Effect.flip(open.host.sysctl("host", key))).errno, "EINVAL", key);
  }
});
