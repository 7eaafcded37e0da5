import assert from "node:assert/strict";
import { HostError, NetnsError } from "../../../src/effects/kernel/host.ts";
import { LeaseError } from "../../../src/effects/leases/leases.ts";
import { LogError } from "../../../src/effects/log/store.ts";
import { CommandFailed, toCniFailure } from "../../../src/engine/failure.ts";
import { Refused } from "../../../src/spec/failure.ts";

const host = (errno: string) => new HostError({ doing: "create link", subject: "v1", errno });
const netns = (reason: NetnsError["reason"]) => new NetnsError({ path: "/ns/c1", reason });
const log = (reason: LogError["reason"]) => new LogError({ stream: "net/c1/eth0/bridge", reason, detail: "so" });
const lease = (reason: LeaseError["reason"]) => new LeaseError({ pool: "/leases/net", reason, detail: "so" });

Deno.test("[B74, B78] what the system refuses is an I/O failure, what is only busy asks to try again later", () => {
  for (const error of [host("EPERM"), log("io"), log("corrupt"), lease("io")]) {
    assert.equal(toCniFailure(error).code, 5, error.message);
  }
  for (const error of [host("EBUSY"), log("busy"), log("raced")]) assert.equal(toCniFailure(error).code, 11);
});

Deno.test("[B73, B77] a namespace that is none is the environment's fault, the host's own has a code of its own", () => {
  for (const reason of ["missing", "not a namespace", "unreadable"] as const) {
    const { code, msg } = toCniFailure(netns(reason));
    assert.equal(code, 4);
    assert.match(msg, /"\/ns\/c1"/);
  }
  assert.equal(toCniFailure(netns("own")).code, 8);
});

Deno.test("[B68, B81] a pool that has nothing to give answers with a code of the plugin's own", () => {
  for (const reason of ["exhausted", "taken", "gateway", "outside", "duplicate"] as const) {
    assert.ok(toCniFailure(lease(reason)).code >= 100, reason);
  }
});

Deno.test("[B43, J79] a failure that has a code keeps it, with its details", () => {
  const failure = { code: 42, msg: "m", details: "d" };
  assert.deepEqual(toCniFailure(new Refused(failure)), failure);
  assert.deepEqual(toCniFailure(new CommandFailed({ failure })), failure);
});
