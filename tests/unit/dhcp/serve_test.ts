/** The daemon's side of a connection, and its command line. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { durationOf, FlagError, parseFlags } from "../../../src/cli/dhcp/flags.ts";
import type { Connection } from "../../../src/effects/dhcp/connection.ts";
import { GobEncoder } from "../../../src/effects/dhcp/gob/encode.ts";
import { argsRecord, CONNECT, grantIn, leasesIn, textIn } from "../../../src/effects/dhcp/rpc.ts";
import { RpcReader } from "../../../src/effects/dhcp/rpc_reader.ts";
import { ARGS, REQUEST } from "../../../src/effects/dhcp/rpc_types.ts";
import { looseArgs } from "../../../src/runtime/dhcp/calls.ts";
import type { Keeper } from "../../../src/runtime/dhcp/keeper.ts";
import { serve } from "../../../src/runtime/dhcp/serve.ts";
import { daemon } from "../../support/dhcp_world.ts";

const text = (value: string) => new TextEncoder().encode(value);

const joined = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** A connection whose other end says this, in pieces of so many bytes, and what is written to it. */
const connection = (said: Uint8Array, size: number) => {
  let at = 0;
  const written: Uint8Array[] = [];
  const end: Connection = {
    read: Effect.sync(() => at >= said.length ? null : said.slice(at, at += size)),
    write: (bytes) => Effect.sync(() => void written.push(bytes)),
  };
  return { end, written };
};

const stdin = (ipam: object = {}, name = "lan") => JSON.stringify({ cniVersion: "1.0.0", name, type: "dhcp", ipam });

const ATTACHMENT = { containerId: "c1", ifName: "eth0", netns: "/ns/c1", args: "", path: "", stdin: stdin() };

/** Calls one after the other; answers the heads and bodies that come back. */
const calls = (keeper: Keeper, wanted: readonly (readonly [string, object?])[], size = 7) =>
  Effect.gen(function* () {
    const encoder = new GobEncoder();
    const said = wanted.flatMap(([method, change], Seq) => [
      encoder.encode(REQUEST, { ServiceMethod: method, Seq }),
      encoder.encode(ARGS, argsRecord({ ...ATTACHMENT, ...change })),
    ]);
    const { end, written } = connection(joined([text(CONNECT), ...said]), size);
    yield* serve(keeper, end);
    const reader = new RpcReader(connection(joined(written), 4096).end);
    assert.equal(yield* reader.head, "HTTP/1.0 200 Connected to Go RPC");
    const answers = [];
    for (const _ of wanted) answers.push({ head: yield* reader.record, body: yield* reader.record });
    assert.equal(yield* reader.record, null, "there is nothing more");
    return answers;
  });

Deno.test("calls on one connection are answered in order, however the bytes come", async () => {
  for (const size of [1, 7, 100_000]) {
    await daemon((keeper) =>
      Effect.gen(function* () {
        const wanted = [["DHCP.Allocate"], ["DHCP.Leases"], ["DHCP.Release"], ["DHCP.Leases"]] as const;
        const [allocated, kept, released, rest] = yield* calls(keeper, wanted, size);
        assert.deepEqual(allocated?.head, { ServiceMethod: "DHCP.Allocate" });
        assert.deepEqual(grantIn(allocated?.body ?? {}).ips, [{ address: "192.0.2.5/24" }]);
        assert.deepEqual(kept?.head, { ServiceMethod: "DHCP.Leases", Seq: 1 });
        assert.deepEqual(leasesIn(kept?.body ?? {}).map(({ address }) => address), ["192.0.2.5/24"]);
        assert.deepEqual(released, { head: { ServiceMethod: "DHCP.Release", Seq: 2 }, body: {} });
        assert.deepEqual(leasesIn(rest?.body ?? {}), []);
      })
    );
  }
});

Deno.test("what cannot be served is refused in words, and the next call is served", async () => {
  await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      const answers = yield* calls(keeper, [
        ["DHCP.Nonsense"],
        ["DHCP.Allocate", { stdin: "{" }],
        ["DHCP.Allocate", { stdin: stdin({}, "../up") }],
        ["DHCP.Release", { containerId: "../up" }],
        ["DHCP.Allocate", { ifName: "a/b" }],
        ["DHCP.Allocate", { stdin: JSON.stringify({ name: "lan" }) }],
        ["DHCP.Allocate", { stdin: stdin({ request: [{ option: "nonsense" }] }) }],
        ["DHCP.Allocate", { netns: "/ns/none" }],
        ["DHCP.Release"],
      ]);
      const errors = answers.map(({ head }) => textIn(head ?? {}, "Error"));
      const expected = [
        /^rpc: can't find method DHCP\.Nonsense$/,
        /it is not a JSON object/,
        /network name "\.\.\/up"/,
        /container id "\.\.\/up"/,
        /interface name "a\/b"/,
        /"ipam": it is missing/,
        /"nonsense": can not parse option/,
        /there is no such link/,
        /^$/,
      ];
      for (const [index, pattern] of expected.entries()) assert.match(errors[index] ?? "none", pattern);
      assert.deepEqual(wire.said, []);
    })
  );
});

Deno.test("who does not ask for the protocol is told so, and who says nothing is let go", async () => {
  await daemon((keeper) =>
    Effect.gen(function* () {
      for (
        const [said, pattern] of [["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.0 405 /], ["", /^$/], [
          "x".repeat(9000),
          /^$/,
        ]] as const
      ) {
        const { end, written } = connection(text(said), 1000);
        yield* serve(keeper, end);
        assert.match(new TextDecoder().decode(joined(written)), pattern);
      }
      const cut = connection(joined([text(CONNECT), Uint8Array.of(0x2f, 0xff)]), 1000);
      assert.match((yield* Effect.flip(serve(keeper, cut.end))).detail, /in the middle of a call/);
      const noise = connection(joined([text(CONNECT), Uint8Array.of(3, 0x7f, 0, 0)]), 1000);
      assert.match((yield* Effect.flip(serve(keeper, noise.end))).detail, /does not speak gob/);
    })
  );
});

Deno.test("CNI_ARGS are read as Go's daemon reads them: what is no pair is passed over", () => {
  assert.deepEqual([...looseArgs("A=1;;B;C=2=3;A=4")], [["A", "4"], ["C", "2=3"]]);
});

Deno.test("flags are Go's: one dash or two, the value behind = or as the next word", () => {
  const flags = parseFlags([
    "-pidfile=/run/p",
    "--hostprefix",
    "/host",
    "-broadcast",
    "-timeout",
    "1m30s",
    "-resendmax=500ms",
  ]);
  assert.deepEqual(flags, {
    pidfile: "/run/p",
    hostprefix: "/host",
    socketpath: "/run/cni/dhcp.sock",
    broadcast: true,
    timeout: 90_000,
    resendmax: 500,
    resendtimeout: 208_000,
  });
  assert.equal(parseFlags(["-broadcast=false"])?.broadcast, false);
  assert.equal(parseFlags(["--help"]), null);
  assert.deepEqual(["1h", "1.5s", "0", "10", "s", "-1s", ""].map(durationOf), [
    3_600_000,
    1500,
    0,
    null,
    null,
    null,
    null,
  ]);
});

Deno.test.each([
  [["-nonsense"], /does not know "-nonsense"/],
  [["word"], /does not know "word"/],
  [["-timeout"], /-timeout needs a value/],
  [["-timeout", "10"], /-timeout "10": it is no duration/],
  [["-broadcast=maybe"], /neither true nor false/],
  [["-pidfile", "p"], /must be an absolute path/],
])("a command line that cannot be understood is refused: %s", (words, pattern) => {
  assert.throws(() => parseFlags(words), (error) => error instanceof FlagError && pattern.test(error.message));
});
