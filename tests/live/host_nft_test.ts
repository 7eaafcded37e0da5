import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { NftElement } from "../../src/effects/kernel/nft.ts";
import { can } from "../support/capabilities.ts";
import { openHost } from "../support/linux_host.ts";
import { newNetns } from "../support/netns.ts";

const ignore = !(can.netns && can.nft);
const table = { family: "inet", table: "cleat_test" } as const;
const element: NftElement = {
  ...table,
  set: "ports",
  key: [{ protocol: "tcp" }, { port: 8080 }],
  comment: "for a test",
};

Deno.test({ name: "nf_tables are those of the side the op names", ignore }, () => {
  using host = newNetns();
  using container = newNetns();
  using open = openHost(host, { path: container.path, allowOwn: false });
  const look = (on: "host" | "container") => Effect.runSync(open.host.element(on, element));
  open.apply({
    op: "nft.apply",
    on: "container",
    commands: [
      { add: "table", ...table },
      { add: "set", ...table, set: "ports", key: ["inet_proto", "inet_service"] },
      { add: "element", ...element },
    ],
  });
  assert.deepEqual([look("container"), look("host")], [element, null]);
  assert.match(container.must("nft list ruleset"), /tcp \. 8080/);
  assert.equal(host.must("nft list ruleset"), "");
  const error = open.refused({ op: "nft.apply", on: "container", commands: [{ add: "element", ...element }] });
  assert.equal(error.errno, "EEXIST");
  assert.match(error.message, /cleat_test ports/);
});

Deno.test({ name: "forgetting connections of a port that has none is fine on either side", ignore }, () => {
  using host = newNetns();
  using container = newNetns();
  using open = openHost(host, { path: container.path, allowOwn: false });
  for (const on of ["host", "container"] as const) {
    open.apply({ op: "conntrack.flush", on, family: 4, protocol: "udp", port: 5353 });
  }
});
