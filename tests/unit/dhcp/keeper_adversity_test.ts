/** The daemon's leases where servers are odd, clocks are set, and daemons are many. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { MESSAGE_TYPE, messageTypeOf } from "../../../src/effects/dhcp/message.ts";
import { OPTION } from "../../../src/spec/dhcp_option.ts";
import { daemon, daemons, granting, KEY, seconds, silence, typesSaid, WANTED } from "../../support/dhcp_world.ts";

const { DISCOVER, REQUEST, RELEASE } = MESSAGE_TYPE;

Deno.test("while nobody answers a renewal the namespace is not held open, and its end is noticed", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve(granting("192.0.2.5", 864_000));
      yield* keeper.allocate(WANTED);
      wire.serve(silence);
      yield* seconds(432_000);
      assert.deepEqual([wire.said.length, wire.opened()], [3, 1], "T1");
      yield* seconds(10);
      assert.equal(wire.opened(), 0);
      wire.removeLink("/ns/c1", "eth0");
      yield* seconds(3_600);
      assert.deepEqual(keeper.held("lan"), []);
    })
  );
  assert.deepEqual([typesSaid(world).length, world.wire.halted], [3, []]);
});

Deno.test("a server whose T1 is no time at all is not asked without a pause", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve((said) =>
        granting()(said).map((message) => ({
          ...message,
          options: new Map([...message.options, [OPTION.RENEWAL_TIME, Uint8Array.of(0, 0, 0, 0)]]),
        }))
      );
      yield* keeper.allocate(WANTED);
      yield* seconds(499);
      assert.equal(wire.said.length, 2);
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST]);
});

Deno.test("an address that is granted for no time is given back, and the caller hears why", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve(granting("192.0.2.5", 0));
      assert.match((yield* Effect.flip(keeper.allocate(WANTED))).why, /for no time/);
    })
  );
  assert.deepEqual([typesSaid(world), world.wire.halted], [[DISCOVER, REQUEST, RELEASE], []]);
});

Deno.test("who is deleted while a server thinks about its REQUEST gives back what that may grant", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve((said) => messageTypeOf(said.message) === DISCOVER ? granting()(said) : []);
      const fiber = yield* Effect.forkChild(Effect.flip(keeper.allocate(WANTED)));
      yield* seconds(1);
      yield* keeper.release(KEY);
      yield* Fiber.join(fiber);
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST, RELEASE]);
  assert.equal(world.wire.said.at(-1)?.message.ciaddr, "192.0.2.5");
});

Deno.test("daemons that share a state directory leave each other's leases alone", async () => {
  const world = await daemons(
    ["boot-1", (keeper) => keeper.allocate(WANTED)],
    [
      "boot-1",
      (keeper) =>
        Effect.gen(function* () {
          assert.deepEqual(keeper.held("lan"), []);
          yield* seconds(2_000);
        }),
      0,
      { socket: "/run/other.sock" },
    ],
  );
  assert.deepEqual([typesSaid(world), world.wire.halted, world.book.booked().length], [[DISCOVER, REQUEST], [], 1]);
});

Deno.test("a clock that is set between two daemons moves no deadline", async () => {
  const YEAR_MS = 31_536_000_000;
  for (const setByMs of [YEAR_MS, -YEAR_MS]) {
    const world = await daemons(
      ["boot-1", (keeper) => keeper.allocate(WANTED)],
      [
        "boot-1",
        (keeper, { wire }) =>
          Effect.gen(function* () {
            assert.equal(keeper.held("lan").length, 1);
            yield* seconds(399);
            assert.equal(wire.said.length, 2);
            yield* seconds(1);
            assert.equal(wire.said.length, 3, "T1");
          }),
        100,
        { setByMs },
      ],
    );
    assert.deepEqual(world.wire.halted, []);
  }
});
