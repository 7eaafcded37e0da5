/** The DHCP daemon's leases on a machine in memory, with a server and a clock of the test's own. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import * as TestClock from "effect/testing/TestClock";
import { type MemoryBook, memoryBook } from "../../src/effects/dhcp/book_memory.ts";
import { type DhcpMessage, MESSAGE_TYPE, messageTypeOf, NO_ADDRESS, u32Bytes } from "../../src/effects/dhcp/message.ts";
import { type MemoryWire, memoryWire, type Said, type Server } from "../../src/effects/dhcp/wire_memory.ts";
import { Origin } from "../../src/effects/origin.ts";
import { Notices } from "../../src/engine/notice.ts";
import { Keeper, type KeeperNeeds } from "../../src/runtime/dhcp/keeper.ts";
import { OPTION } from "../../src/spec/dhcp_option.ts";

/** The attachment. */
export const KEY = { network: "lan", containerId: "c1", ifName: "eth0" };
const MAC = "02:00:00:00:00:01";
/** What is asked for. */
export const WANTED = {
  key: KEY,
  netns: "/ns/c1",
  speech: { clientId: "006331", options: { 55: "0301" }, priority: 0 },
};
const MANNER = { timeoutMs: 10_000, resendMaxMs: 62_000, resendTimeoutMs: 208_000, broadcast: false };

const { DISCOVER, OFFER, REQUEST, ACK, NAK } = MESSAGE_TYPE;

/** What a server says to a message: this type, about this address, for so many seconds. */
export const reply = ({ message }: Said, type: number, address = "192.0.2.5", seconds = 1000): DhcpMessage => ({
  ...message,
  isReply: true,
  yiaddr: type === NAK ? NO_ADDRESS : address,
  options: new Map([
    [OPTION.MESSAGE_TYPE, Uint8Array.of(type)],
    [OPTION.SERVER_ID, Uint8Array.of(192, 0, 2, 1)],
    [OPTION.SUBNET_MASK, Uint8Array.of(255, 255, 255, 0)],
    [OPTION.LEASE_TIME, u32Bytes(seconds)],
  ]),
});

/** A server that grants one address. */
export const granting = (address = "192.0.2.5", seconds = 1000): Server => (said) => {
  const type = messageTypeOf(said.message);
  if (type === DISCOVER) return [reply(said, OFFER, address, seconds)];
  return type === REQUEST ? [reply(said, ACK, address, seconds)] : [];
};

/** A server that says nothing. */
export const silence: Server = () => [];

/** One machine: links and a book that outlive its daemons. */
export interface World {
  readonly wire: MemoryWire;
  readonly book: MemoryBook;
  readonly notices: string[];
}

/** How a daemon finds its machine. */
interface DaemonHow {
  /** Its socket. */
  readonly socket?: string;
  /** By how much the time of day has been set since the first daemon, in milliseconds. */
  readonly setByMs?: number;
}

/** A clock whose time of day was set, and whose monotonic time was not. */
const setBy = (clock: Clock.Clock, ms: number): Clock.Clock => ({
  ...clock,
  currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + ms),
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ms,
});

/** The socket of daemons that are told no other. */
const SOCKET = "/run/cni/dhcp.sock";

type Body = (keeper: Keeper, world: World) => Effect.Effect<unknown, unknown, KeeperNeeds>;

/** Runs daemons one after the other on one machine, each until its body has ended, in boots by name, after so many seconds without one. */
export async function daemons(
  ...bodies: readonly (readonly [boot: string, body: Body, idleSeconds?: number, how?: DaemonHow])[]
): Promise<World> {
  const world: World = { wire: memoryWire(), book: memoryBook(), notices: [] };
  world.wire.addLink("/ns/c1", "eth0", MAC);
  world.wire.serve(granting());
  const program = Effect.gen(function* () {
    for (const [boot, body, idleSeconds = 0, { socket = SOCKET, setByMs = 0 } = {}] of bodies) {
      yield* seconds(idleSeconds);
      const origin = Layer.succeed(Origin)({ boot, pid: 1, by: "test", now: () => "" });
      const life = Effect.gen(function* () {
        const keeper = new Keeper(yield* Scope.Scope, MANNER, socket);
        yield* keeper.resume;
        yield* body(keeper, world);
      });
      yield* Effect.provide(Effect.scoped(life), Layer.mergeAll(world.wire.layer, world.book.layer, origin)).pipe(
        Effect.provideService(Clock.Clock, setBy(yield* Clock.Clock, setByMs)),
      );
    }
  }).pipe(
    Effect.provideService(Notices, (line) => void world.notices.push(line)),
    Effect.provide(TestClock.layer()),
  );
  const exit = await Effect.runPromiseExit(program);
  if (Exit.isFailure(exit)) throw new Error(`${exit.cause}`);
  return world;
}

/** Runs one daemon. */
export const daemon = (body: Body) => daemons(["boot-1", body]);

/** The types of all messages that clients have said. */
export const typesSaid = ({ wire }: World): readonly number[] => wire.said.map(({ message }) => messageTypeOf(message));

/** Lets time pass. */
export const seconds = (count: number) => TestClock.adjust(count * 1000);
