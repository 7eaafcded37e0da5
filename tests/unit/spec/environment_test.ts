import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { readEnvironment } from "../../../src/spec/environment.ts";

const FULL = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/x",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "K=V",
  CNI_PATH: "/opt/cni/bin",
};

const read = (env: Record<string, string | undefined>) => Effect.runSync(readEnvironment(env));
const refuse = (env: Record<string, string | undefined>) => Effect.runSync(Effect.flip(readEnvironment(env)));

Deno.test("[B6, B7, B8, B9, B10, B27, B47] all parameters of ADD are read verbatim", () => {
  assert.deepEqual(read({ ...FULL, CNI_COMMAND: "ADD" }), {
    kind: "command",
    command: "ADD",
    containerId: "c1",
    netns: "/run/netns/x",
    ifName: "eth0",
    args: "K=V",
    path: "/opt/cni/bin",
    netnsOverride: false,
  });
});

Deno.test("[B14, B15, B34, B73, I5, J69, J70] each verb requires its own variables, and names all that are missing in one order", () => {
  const required: Readonly<Record<string, readonly string[]>> = {
    ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
    GC: ["CNI_PATH"],
    STATUS: [],
    VERSION: [],
  };
  for (const [command, names] of Object.entries(required)) {
    for (const name of Object.keys(FULL)) {
      for (const empty of ["", undefined]) {
        const env = { ...FULL, CNI_COMMAND: command, [name]: empty };
        if (names.includes(name)) assert.match(refuse(env).msg, new RegExp(`\\[${name}\\]`), `${command} ${name}`);
        else assert.equal(read(env).kind, "command", `${command} ${name}`);
      }
    }
    const all = refuseOrNull({ CNI_COMMAND: command });
    assert.equal(all?.code, names.length === 0 ? undefined : 4);
    if (names.length > 0) assert(all?.msg.includes(`[${names.join(",")}]`), `${command}: ${all?.msg}`);
  }
});

const refuseOrNull = (env: Record<string, string>) =>
  Effect.runSync(Effect.match(readEnvironment(env), { onSuccess: () => null, onFailure: (refused) => refused }));

Deno.test("[B18, B33, J68] a bad value is reported before missing ones, the container id before the interface name", () => {
  assert.match(refuse({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "a/b", CNI_IFNAME: "a/b" }).msg, /container id "a\/b"/);
  assert.match(refuse({ CNI_COMMAND: "ADD", CNI_IFNAME: "a/b" }).msg, /interface name "a\/b".*CNI_IFNAME/);
  assert.equal(refuse({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "a/b" }).code, 4);
});

Deno.test("[B14, B33] GC, STATUS and VERSION look at no attachment", () => {
  for (const CNI_COMMAND of ["GC", "STATUS", "VERSION"]) {
    assert.equal(read({ ...FULL, CNI_COMMAND, CNI_CONTAINERID: "a/b", CNI_IFNAME: ".." }).kind, "command");
  }
});

Deno.test("[B5, B35, J77] no command asks for the about text, an unknown one is refused by name", () => {
  assert.deepEqual(read({}), { kind: "about" });
  assert.deepEqual(read({ ...FULL, CNI_COMMAND: "" }), { kind: "about" });
  for (const CNI_COMMAND of ["add", "PREVENT", " ADD"]) {
    const refused = refuse({ ...FULL, CNI_COMMAND });
    assert.equal(refused.code, 4);
    assert(refused.msg.includes(`"${CNI_COMMAND}"`));
  }
});

Deno.test("[B11, J115] the namespace override is 1 or any case of true", () => {
  const override = (value: string) => {
    const environment = read({ ...FULL, CNI_COMMAND: "ADD", CNI_NETNS_OVERRIDE: value });
    return environment.kind === "command" && environment.netnsOverride;
  };
  assert.deepEqual(["1", "true", "TRUE", "0", "yes", "", "11"].map(override), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});
