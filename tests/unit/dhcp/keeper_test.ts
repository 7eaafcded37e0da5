/** The daemon's leases with a server in memory and a clock of the test's own. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { MESSAGE_TYPE, messageTypeOf, NO_ADDRESS } from "../../../src/effects/dhcp/message.ts";
import { type Server, SERVER_MAC } from "../../../src/effects/dhcp/wire_memory.ts";
import { OPTION } from "../../../src/spec/dhcp_option.ts";
import {
  daemon,
  daemons,
  granting,
  KEY,
  reply,
  seconds,
  silence,
  typesSaid,
  WANTED,
} from "../../support/dhcp_world.ts";

const { DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE } = MESSAGE_TYPE;

Deno.test("a lease is granted by DISCOVER and REQUEST, is in the book before anybody hears of it, and is told again", async () => {
  const world = await daemon((keeper, world) =>
    Effect.gen(function* () {
      const terms = yield* keeper.allocate(WANTED);
      assert.equal(terms.address, "192.0.2.5/24");
      assert.equal(terms.serverMac, SERVER_MAC);
      assert.equal(world.book.booked().length, 1);
      assert.deepEqual(yield* keeper.allocate(WANTED), terms);
      assert.deepEqual(keeper.held("lan"), [{ containerId: "c1", ifName: "eth0", address: "192.0.2.5/24" }]);
      assert.deepEqual([keeper.held("other"), keeper.held("lan", "c2")], [[], []]);
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST]);
  const request = world.wire.said[1];
  assert.deepEqual(request?.message.options.get(OPTION.REQUESTED_ADDRESS), Uint8Array.of(192, 0, 2, 5));
  assert.deepEqual(request?.message.options.get(OPTION.CLIENT_ID), Uint8Array.of(0, 99, 49));
});

Deno.test("two that ask at once share one lease; who asks while it is given back gets a new one", async () => {
  const world = await daemon((keeper) =>
    Effect.gen(function* () {
      const both = yield* Effect.all([keeper.allocate(WANTED), keeper.allocate(WANTED)], { concurrency: 2 });
      assert.deepEqual(both[0], both[1]);
      yield* Effect.all([keeper.release(KEY), keeper.release(KEY), keeper.allocate(WANTED)], { concurrency: 3 });
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST, RELEASE, DISCOVER, REQUEST]);
});

Deno.test("RELEASE goes from the leased address to the server itself, and the lease is crossed out", async () => {
  const world = await daemon((keeper) =>
    Effect.andThen(keeper.allocate(WANTED), Effect.andThen(keeper.release(KEY), keeper.release(KEY)))
  );
  const release = world.wire.said.at(-1);
  assert.deepEqual(release && [release.datagram.from, release.datagram.to, release.mac], [
    "192.0.2.5",
    "192.0.2.1",
    SERVER_MAC,
  ]);
  assert.equal(release?.message.ciaddr, "192.0.2.5");
  assert.deepEqual(world.wire.echoed, ["ff:ff:ff:ff:ff:ff"], "its address may be another by now");
  assert.deepEqual(world.book.booked(), []);
});

Deno.test("DISCOVER is said again, slower and slower, until there are no more tries", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve(silence);
      const fiber = yield* Effect.forkChild(Effect.flip(keeper.allocate(WANTED)));
      yield* seconds(0);
      assert.equal(wire.said.length, 1);
      yield* seconds(0.5);
      assert.equal(wire.said.length, 2, "early");
      yield* seconds(10);
      assert.equal(wire.said.length, 3);
      yield* seconds(19);
      assert.equal(wire.said.length, 3);
      yield* seconds(1);
      assert.equal(wire.said.length, 4);
      yield* seconds(180);
      assert.equal((yield* Fiber.join(fiber)).why, "no more tries");
      assert.deepEqual(keeper.held("lan"), []);
    })
  );
  assert.ok(world.wire.said.every(({ message }) => messageTypeOf(message) === DISCOVER));
  assert.deepEqual(world.wire.said.slice(0, 4).map(({ message }) => message.secs), [0, 0, 10, 30]);
});

Deno.test("a lease that is released while it is got is not got", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve(silence);
      const fiber = yield* Effect.forkChild(Effect.flip(keeper.allocate(WANTED)));
      yield* seconds(1);
      yield* keeper.release(KEY);
      assert.match((yield* Fiber.join(fiber)).why, /deleted meanwhile/);
      yield* seconds(1000);
    })
  );
  assert.deepEqual(new Set(typesSaid(world)), new Set([DISCOVER]));
});

Deno.test("at T1 the server is asked from the leased address, and the answer sets the deadlines anew", async () => {
  await daemon((keeper, world) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      yield* seconds(499);
      assert.equal(world.wire.said.length, 2);
      yield* seconds(1);
      const renewal = world.wire.said.at(-1);
      assert.deepEqual(renewal && [renewal.datagram.from, renewal.datagram.to, renewal.mac], [
        "192.0.2.5",
        "192.0.2.1",
        SERVER_MAC,
      ]);
      assert.deepEqual([renewal?.message.ciaddr, renewal?.message.options.has(OPTION.SERVER_ID)], ["192.0.2.5", false]);
      yield* seconds(499);
      assert.equal(world.wire.said.length, 3);
      yield* seconds(1);
      assert.equal(world.wire.said.length, 4);
      assert.equal(world.book.booked()[0]?.events.length, 3);
    })
  );
});

Deno.test("a silent server is asked less and less often, then everybody, and at the end the link is down", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      wire.serve(silence);
      yield* seconds(500);
      assert.equal(wire.said.length, 3, "T1");
      yield* seconds(175);
      assert.equal(wire.said.length, 4, "half of what was left");
      yield* seconds(175);
      const last = () => wire.said.at(-1)?.datagram.to;
      assert.equal(last(), "255.255.255.255", "T2");
      yield* seconds(149);
      assert.deepEqual(wire.halted, []);
      assert.equal(keeper.held("lan").length, 1);
      yield* seconds(1);
      assert.deepEqual(wire.halted, ["/ns/c1/eth0"]);
      assert.deepEqual(keeper.held("lan"), []);
    })
  );
  assert.deepEqual(world.book.booked(), []);
  assert.match(world.notices.join("\n"), /lan\/c1\/eth0 has lost 192\.0\.2\.5\/24: it has expired/);
});

/** Refuses the first renewal; then grants this address. */
const forgetful = (address: string): Server => {
  let refused = false;
  return (said) => {
    const isRenewal = said.message.ciaddr !== NO_ADDRESS && messageTypeOf(said.message) === REQUEST;
    if (!isRenewal || refused) return granting(address)(said);
    refused = true;
    return [reply(said, NAK)];
  };
};

Deno.test("a server that has forgotten the lease may grant the address anew; another address is given back", async () => {
  await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      wire.serve(forgetful("192.0.2.5"));
      yield* seconds(500);
      assert.deepEqual([keeper.held("lan").length, wire.halted], [1, []]);
    })
  );
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      wire.serve(forgetful("192.0.2.6"));
      yield* seconds(500);
      assert.deepEqual([keeper.held("lan"), wire.halted], [[], ["/ns/c1/eth0"]]);
    })
  );
  assert.equal(world.wire.said.at(-1)?.message.ciaddr, "192.0.2.6");
  assert.equal(typesSaid(world).at(-1), RELEASE);
});

Deno.test("a daemon that is started again goes on with its leases, without a word before the next renewal", async () => {
  const world = await daemons(
    ["boot-1", (keeper) => Effect.andThen(keeper.allocate(WANTED), seconds(100))],
    ["boot-1", (keeper, { wire }) =>
      Effect.gen(function* () {
        assert.equal(keeper.held("lan").length, 1);
        assert.equal((yield* keeper.allocate(WANTED)).address, "192.0.2.5/24");
        yield* seconds(399);
        assert.equal(wire.said.length, 2);
        yield* seconds(1);
        assert.equal(wire.said.length, 3);
      })],
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST, REQUEST]);
});

Deno.test("a daemon that is started again too late sets the link down, and after a reboot it knows of nothing", async () => {
  const late = await daemons(
    ["boot-1", (keeper) => keeper.allocate(WANTED)],
    ["boot-1", () => seconds(0), 2000],
  );
  assert.deepEqual(late.wire.halted, ["/ns/c1/eth0"]);
  const rebooted = await daemons(
    ["boot-1", (keeper) => keeper.allocate(WANTED)],
    ["boot-2", (keeper) => Effect.sync(() => assert.deepEqual(keeper.held("lan"), []))],
  );
  assert.deepEqual([rebooted.book.booked(), rebooted.wire.halted, rebooted.wire.said.length], [[], [], 2]);
});

Deno.test("a lease whose link is gone, or is another, is forgotten without a word; a new container gets a new one", async () => {
  const gone = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      wire.removeLink("/ns/c1", "eth0");
      yield* seconds(500);
      assert.deepEqual(keeper.held("lan"), []);
    })
  );
  assert.deepEqual([typesSaid(gone), gone.wire.halted, gone.book.booked()], [[DISCOVER, REQUEST], [], []]);
  const another = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      yield* keeper.allocate(WANTED);
      wire.addLink("/ns/c1", "eth0", "02:00:00:00:00:02");
      yield* keeper.allocate(WANTED);
    })
  );
  assert.deepEqual(typesSaid(another), [DISCOVER, REQUEST, DISCOVER, REQUEST]);
  assert.equal(another.wire.said.at(-1)?.message.chaddr, "02:00:00:00:00:02");
});

Deno.test("answers of other transactions, clients and servers do not count", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve((said) => {
        const strange = [
          { ...reply(said, OFFER, "192.0.2.66"), xid: said.message.xid + 1 },
          { ...reply(said, OFFER, "192.0.2.67"), chaddr: "02:00:00:00:00:99" },
          { ...reply(said, OFFER, "192.0.2.68"), isReply: false },
          reply(said, ACK, "192.0.2.69"),
        ];
        const other = reply(said, NAK);
        const from = {
          ...other,
          options: new Map([...other.options, [OPTION.SERVER_ID, Uint8Array.of(192, 0, 2, 9)]]),
        };
        return messageTypeOf(said.message) === DISCOVER
          ? [...strange, ...granting()(said)]
          : [from, ...granting()(said)];
      });
      assert.equal((yield* keeper.allocate(WANTED)).address, "192.0.2.5/24");
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST]);
});

Deno.test("what is granted without a mask is given back at once, and the caller hears why", async () => {
  const world = await daemon((keeper, { wire }) =>
    Effect.gen(function* () {
      wire.serve((said) =>
        granting()(said).map((message) => {
          const options = new Map(message.options);
          options.delete(OPTION.SUBNET_MASK);
          return { ...message, options };
        })
      );
      const { why } = yield* Effect.flip(keeper.allocate(WANTED));
      assert.match(why, /no subnet mask/);
    })
  );
  assert.deepEqual(typesSaid(world), [DISCOVER, REQUEST, RELEASE]);
});

Deno.test("a book that cannot be written costs no lease, and is told of", async () => {
  const world = await daemon((keeper, { book }) =>
    Effect.gen(function* () {
      book.failWrites(true);
      assert.equal((yield* keeper.allocate(WANTED)).address, "192.0.2.5/24");
    })
  );
  assert.match(world.notices.join("\n"), /Cannot write leases in .*No space left/);
});

Deno.test("a link that is not there gets no lease, and the caller hears which", async () => {
  const world = await daemon((keeper) =>
    Effect.gen(function* () {
      const { why } = yield* Effect.flip(keeper.allocate({ ...WANTED, netns: "/ns/none" }));
      assert.match(why, /Cannot speak DHCP on ".*none.*": there is no such link/);
    })
  );
  assert.deepEqual(world.wire.said, []);
});
