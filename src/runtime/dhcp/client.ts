/** The client's half of RFC 2131: what is said, how often, and which answers count. */
import * as Clock from "effect/Clock";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Random from "effect/Random";
import type { DhcpSpeech, DhcpTerms } from "../../machines/dhcp_event.ts";
import type { Datagram } from "../../effects/dhcp/datagram.ts";
import {
  BROADCAST_FLAG,
  decodeMessage,
  type DhcpMessage,
  encodeMessage,
  ipv4Bytes,
  MESSAGE_TYPE,
  messageTypeOf,
  NO_ADDRESS,
  serverIdOf,
} from "../../effects/dhcp/message.ts";
import { OPTION } from "../../spec/dhcp_option.ts";
import { termsOf } from "../../effects/dhcp/terms.ts";
import { CLIENT_PORT, type DhcpPort, SERVER_PORT, type WireError } from "../../effects/dhcp/wire.ts";
import { addressOf } from "../../spec/cidr.ts";

/** How patient the client is, in milliseconds, and how it wants to be answered. */
export interface DhcpManner {
  /** The first wait for an answer; the next two are twice and four times as long. */
  readonly timeoutMs: number;
  /** The longest pause between two attempts. */
  readonly resendMaxMs: number;
  /** How long there are attempts at all. */
  readonly resendTimeoutMs: number;
  /** Servers are asked to answer by broadcast. */
  readonly broadcast: boolean;
}

/** There is no lease to be had, and why. */
export class NoLease extends Data.TaggedError("NoLease")<{
  /** The words for the caller. */
  readonly why: string;
}> {
  /** The same. */
  override get message(): string {
    return this.why;
  }
}

/** What callers of Go's daemon are told when no server has answered in time, to the letter. */
export const NO_MORE_TRIES = "no more tries";

const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
const BROADCAST_IP = "255.255.255.255";
/**
 * How soon the first DISCOVER is said again, in milliseconds. The other end of a link that has just been set up, such as the
 * port of a bridge, may take a moment until it forwards anything, and then the first word is lost.
 */
const EARLY_MS = 500;
/** The first pause between two attempts, and how far pauses are off by chance, in milliseconds (RFC 2131, 4.1). */
const FIRST_PAUSE_MS = 2_000, CHANCE_MS = 1_000;
const HIGHEST = 2 ** 32;

/** What the client says in one exchange. */
interface Saying {
  readonly type: number;
  readonly xid: number;
  /** When it began, in milliseconds since 1970: servers are told how long it has been trying. */
  readonly since: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly more: ReadonlyMap<number, Uint8Array>;
  readonly to: { readonly ip: string; readonly mac: string };
}

const everyone = { ip: BROADCAST_IP, mac: BROADCAST_MAC };

/** Options of every message of a lease but RELEASE. */
const usual = ({ clientId, options }: DhcpSpeech): [number, Uint8Array][] => [
  ...Object.entries(options).map(([code, value]): [number, Uint8Array] => [Number(code), Uint8Array.fromHex(value)]),
  [OPTION.CLIENT_ID, Uint8Array.fromHex(clientId)],
];

const datagramOf = ({ place }: DhcpPort, saying: Saying, now: number): Datagram => ({
  from: saying.ciaddr,
  fromPort: CLIENT_PORT,
  to: saying.to.ip,
  toPort: SERVER_PORT,
  payload: encodeMessage({
    isReply: false,
    xid: saying.xid,
    secs: Math.min(0xffff, Math.max(0, Math.floor((now - saying.since) / 1000))),
    flags: saying.flags,
    ciaddr: saying.ciaddr,
    yiaddr: NO_ADDRESS,
    chaddr: place.mac,
    options: new Map([[OPTION.MESSAGE_TYPE, Uint8Array.of(saying.type)], ...saying.more]),
  }),
});

/** An answer that counts, and when it was asked for. */
interface Answer {
  readonly message: DhcpMessage;
  readonly from: string;
  readonly askedAt: number;
}

type Accepts = (message: DhcpMessage) => boolean;

/** Listens until an answer comes that counts. */
const hear = (port: DhcpPort, xid: number, accepts: Accepts) =>
  Effect.gen(function* () {
    for (;;) {
      const { datagram, from } = yield* port.receive;
      const message = decodeMessage(datagram.payload);
      if (message === null || !message.isReply || message.xid !== xid || message.chaddr !== port.place.mac) continue;
      if (accepts(message)) return { message, from };
    }
  });

/** Says it, and again after each of these waits, in milliseconds; null when nobody has answered. */
const exchange = (port: DhcpPort, saying: Saying, accepts: Accepts, waits: readonly number[]) =>
  Effect.gen(function* () {
    for (const wait of waits) {
      const askedAt = yield* Clock.currentTimeMillis;
      yield* port.send(datagramOf(port, saying, askedAt), saying.to.mac);
      const heard = yield* Effect.timeoutOption(hear(port, saying.xid, accepts), wait);
      if (Option.isSome(heard)) return { ...heard.value, askedAt } satisfies Answer;
    }
    return null;
  });

const newXid = Random.nextIntBetween(0, HIGHEST - 1);

const isAnswer = (message: DhcpMessage): boolean =>
  messageTypeOf(message) === MESSAGE_TYPE.ACK || messageTypeOf(message) === MESSAGE_TYPE.NAK;

/** DISCOVER, the first OFFER, REQUEST, and its answer; null when nobody has answered, or the server has thought better of it. */
const attempt = (port: DhcpPort, speech: DhcpSpeech, { timeoutMs, broadcast }: DhcpManner, since: number) =>
  Effect.gen(function* () {
    const waits = [timeoutMs, timeoutMs * 2, timeoutMs * 4];
    const saying: Saying = {
      type: MESSAGE_TYPE.DISCOVER,
      xid: yield* newXid,
      since,
      flags: broadcast ? BROADCAST_FLAG : 0,
      ciaddr: NO_ADDRESS,
      more: new Map(usual(speech)),
      to: everyone,
    };
    const isOffer: Accepts = (message) =>
      messageTypeOf(message) === MESSAGE_TYPE.OFFER && serverIdOf(message) !== null && message.yiaddr !== NO_ADDRESS;
    const offer = yield* exchange(port, saying, isOffer, timeoutMs > EARLY_MS ? [EARLY_MS, ...waits] : waits);
    const server = offer === null ? null : serverIdOf(offer.message);
    if (offer === null || server === null) return null;
    const more = new Map([
      ...usual(speech),
      [OPTION.REQUESTED_ADDRESS, ipv4Bytes(offer.message.yiaddr)] as const,
      [OPTION.SERVER_ID, ipv4Bytes(server)] as const,
    ]);
    const isHis: Accepts = (message) => isAnswer(message) && serverIdOf(message) === server;
    const requested = exchange(port, { ...saying, type: MESSAGE_TYPE.REQUEST, more }, isHis, waits);
    // Who stops waiting may have been granted it by then.
    const lease = { address: offer.message.yiaddr, server, serverMac: offer.from };
    const answer = yield* Effect.onInterrupt(requested, () => Effect.ignore(give(port, speech, lease)));
    return answer !== null && messageTypeOf(answer.message) === MESSAGE_TYPE.ACK ? answer : null;
  });

/** Attempts with growing pauses until a server grants something. */
const attempts = (port: DhcpPort, speech: DhcpSpeech, manner: DhcpManner) =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis;
    for (let pause = FIRST_PAUSE_MS;; pause = Math.min(pause * 2, manner.resendMaxMs)) {
      const answer = yield* attempt(port, speech, manner, since);
      if (answer !== null) return answer;
      yield* Effect.sleep(Math.max(0, pause + (yield* Random.nextBetween(-CHANCE_MS, CHANCE_MS))));
    }
  });

/** Gets a lease from any server. Ends with `NoLease` when there is none in time, or what was granted cannot be used. */
export const acquire = (
  port: DhcpPort,
  speech: DhcpSpeech,
  manner: DhcpManner,
): Effect.Effect<DhcpTerms, NoLease | WireError> =>
  Effect.gen(function* () {
    const found = yield* Effect.timeoutOption(attempts(port, speech, manner), manner.resendTimeoutMs);
    if (Option.isNone(found)) return yield* new NoLease({ why: NO_MORE_TRIES });
    const { message, from, askedAt } = found.value;
    const terms = termsOf(message, from, askedAt, speech.priority);
    if (typeof terms !== "string") return terms;
    const server = serverIdOf(message);
    if (server !== null) yield* give(port, speech, { address: message.yiaddr, server, serverMac: from });
    return yield* new NoLease({ why: terms });
  });

/** What became of a request for more time: null when nobody has answered. */
export type Renewed = DhcpTerms | { readonly refused: string } | null;

/**
 * Asks once for more time: the server that has granted the lease, or any. Answers after `waitMs` milliseconds at the latest.
 * A server that does not know the address any more refuses.
 */
export const renew = (
  port: DhcpPort,
  speech: DhcpSpeech,
  { address, server, serverMac }: DhcpTerms,
  how: "renew" | "rebind",
  waitMs: number,
): Effect.Effect<Renewed, WireError> =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis;
    const ip = addressOf(address);
    const saying: Saying = {
      type: MESSAGE_TYPE.REQUEST,
      xid: yield* newXid,
      since,
      flags: 0,
      ciaddr: ip,
      more: new Map(usual(speech)),
      to: how === "renew" ? { ip: server, mac: serverMac } : everyone,
    };
    const isMeant: Accepts = (message) => isAnswer(message) && (how === "rebind" || serverIdOf(message) === server);
    const answer = yield* exchange(port, saying, isMeant, [waitMs]);
    if (answer === null) return null;
    if (messageTypeOf(answer.message) === MESSAGE_TYPE.NAK) {
      const said = answer.message.options.get(OPTION.MESSAGE) ?? new Uint8Array();
      return { refused: new TextDecoder().decode(said) || "the server has refused it" };
    }
    const terms = termsOf(answer.message, answer.from, answer.askedAt, speech.priority);
    if (typeof terms === "string") return { refused: terms };
    return terms.address.startsWith(`${ip}/`) ? terms : { refused: `the server has granted ${terms.address} instead` };
  });

/**
 * Gives an address back: from that address, to the server itself, as servers want to hear it. There is no answer, and a
 * bridge with a server behind it takes another Ethernet address when its ports change: so the same message also goes to
 * everybody on the link. Who has heard one does not mind the other.
 */
export const give = (
  port: DhcpPort,
  { clientId }: DhcpSpeech,
  { address, server, serverMac }: Pick<DhcpTerms, "address" | "server" | "serverMac">,
): Effect.Effect<void, WireError> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const saying: Saying = {
      type: MESSAGE_TYPE.RELEASE,
      xid: yield* newXid,
      since: now,
      flags: 0,
      ciaddr: address.split("/")[0] ?? address,
      more: new Map([
        [OPTION.CLIENT_ID, Uint8Array.fromHex(clientId)],
        [OPTION.SERVER_ID, ipv4Bytes(server)],
      ]),
      to: { ip: server, mac: serverMac },
    };
    for (const mac of [saying.to.mac, BROADCAST_MAC]) yield* port.send(datagramOf(port, saying, now), mac);
  });
