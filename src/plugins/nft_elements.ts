/**
 * Elements of an attachment: put into the tables, which are made when the kernel says they are missing. No lock is
 * needed: of several first users one makes a thing exclusively and the others go on.
 */
import * as Effect from "effect/Effect";
import {
  MAX_COMMENT_BYTES,
  type NftCommand,
  type NftElement,
  type NftField,
  type NftVerdict,
} from "../effects/kernel/nft.ts";
import { perform } from "../engine/act.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { type AttachmentKey, attachmentName } from "../spec/key.ts";

/** What elements need to be there before they can be added. */
export interface Layout {
  /** The whole table, made exclusively. */
  readonly skeleton: readonly NftCommand[];
  /** What is made once per subnet or variant: batches that each begin with an exclusive chain. */
  readonly chains: readonly (readonly NftCommand[])[];
  /** Names an element in a refusal: "host port 8080/tcp". */
  readonly name: (element: NftElement) => string;
}

/** How much of a long container ID is kept; engines use 64 hexadecimal digits. */
const MAX_ID_LENGTH = 128;

/** Stands for what was cut; no network name or container ID contains it. */
const CUT = "…";

/** Attempts at adding elements: the table missing, a chain missing, a holder gone in between, and again. */
const MAX_ATTEMPTS = 6;

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/**
 * The comment of an attachment's elements, at most `MAX_COMMENT_BYTES`: its name, with a long network name cut first.
 *
 * @example
 * ```ts
 * import { attachmentComment } from "./nft_elements.ts";
 * const comment = attachmentComment({ network: "net1", containerId: "c1", ifName: "eth0" });
 * if (comment !== "net1/c1/eth0") throw new Error(comment);
 * ```
 */
export const attachmentComment = (key: AttachmentKey): string => {
  const whole = attachmentName(key);
  if (byteLength(whole) <= MAX_COMMENT_BYTES) return whole;
  const { containerId, ifName } = key;
  const id = containerId.length <= MAX_ID_LENGTH ? containerId : containerId.slice(0, MAX_ID_LENGTH) + CUT;
  const room = MAX_COMMENT_BYTES - byteLength(`${CUT}/${id}/${ifName}`);
  return `${key.network.slice(0, room)}${CUT}/${id}/${ifName}`;
};

/** Whether an element is this attachment's own, by its comment; a cut comment proves nothing. */
export const isOurs = (element: NftElement, key: AttachmentKey): boolean =>
  element.comment === attachmentComment(key) && !element.comment.includes(CUT);

/** Whose an element is, by its comment; null where that is cut or somebody else's. */
export const attachmentOf = (
  { comment = "" }: { readonly comment?: string | undefined },
): AttachmentKey | null => {
  const [network = "", containerId = "", ifName = "", ...others] = comment.split("/");
  return comment.includes(CUT) || ifName === "" || others.length > 0 ? null : { network, containerId, ifName };
};

/** Whether a value is a verdict, not fields. */
const isVerdict = (value: readonly NftField[] | NftVerdict | undefined): value is NftVerdict =>
  value !== undefined && "verdict" in value;

/** The chain a verdict element leads to, or null. */
const chainOf = (element: NftElement): string | null =>
  isVerdict(element.value) && "chain" in element.value ? element.value.chain : null;

/** Every subnet has up to two chains of the same content: see `takeOver`. */
const SECOND = ".b";
const twinOf = (chain: string): string => chain.endsWith(SECOND) ? chain.slice(0, -SECOND.length) : chain + SECOND;

/** One batch; EEXIST means that somebody else has just made all of it. */
const make = (commands: readonly NftCommand[]) =>
  Effect.catchTag(
    perform({ op: "nft.apply", on: "host", commands }),
    "HostError",
    (error) => error.errno === "EEXIST" ? Effect.void : Effect.fail(error),
  );

const makeChains = ({ chains }: Layout) => Effect.forEach(chains, make, { discard: true });

/** Makes what is missing: mostly a chain, the first time on a host the table. */
const makeMissing = Effect.fnUntraced(function* (layout: Layout) {
  if (layout.chains.length === 0) return yield* make(layout.skeleton);
  yield* Effect.catchTag(
    makeChains(layout),
    "HostError",
    (error) =>
      error.errno === "ENOENT" ? Effect.andThen(make(layout.skeleton), makeChains(layout)) : Effect.fail(error),
  );
});

/** The batch: what must make room goes first. Answers null, or the kernel's refusal. */
const place = (evicted: readonly NftElement[], wanted: readonly NftElement[]) =>
  perform({
    op: "nft.apply",
    on: "host",
    commands: [
      ...evicted.map((element) => ({ remove: "element", ...element }) as const),
      ...wanted.map((element) => ({ add: "element", ...element }) as const),
    ],
  }).pipe(
    Effect.as(null),
    Effect.catchTag("HostError", (error) => Effect.succeed(error)),
  );

/** A plan to try next: what to remove, what to add, and what that needs. */
interface Attempt {
  readonly evicted: readonly NftElement[];
  readonly wanted: readonly NftElement[];
  readonly layout: Layout;
}

/**
 * Takes an address over from an attachment that has left its element behind. Addresses are leased, so who has the lease
 * is right. Should the old attachment be deleted later after all, its undo removes the element only while it leads to
 * the old chain: therefore the new element leads to that chain's twin.
 */
const takeOver = ({ wanted, layout }: Attempt, mine: NftElement, held: NftElement): Omit<Attempt, "evicted"> => {
  const { value } = mine;
  if (!isVerdict(value) || !("chain" in value) || value.chain !== chainOf(held)) return { wanted, layout };
  const chain = twinOf(value.chain);
  const twin = { ...mine, value: { ...value, chain } };
  const rename = (command: NftCommand): NftCommand =>
    "chain" in command && command.chain === value.chain ? { ...command, chain } : command;
  return {
    wanted: wanted.map((element) => element === mine ? twin : element),
    layout: { ...layout, chains: layout.chains.map((batch) => batch.map(rename)) },
  };
};

/** Looks who holds what we want: our own leftovers and stale addresses make room, anything else is a refusal. */
const makeRoom = Effect.fnUntraced(function* (key: AttachmentKey, attempt: Attempt) {
  const { host } = yield* View;
  let plan: Attempt = { ...attempt, evicted: [] };
  for (const mine of attempt.wanted) {
    const held = yield* host.element("host", mine);
    if (held === null) continue;
    const ours = isOurs(held, key);
    if (!ours && !isVerdict(mine.value)) {
      const holder = held.comment === undefined ? "another program" : `"${held.comment}"`;
      return yield* new Refused({
        code: CniCode.RESOURCE_TAKEN,
        msg: `Cannot use ${attempt.layout.name(mine)}: ${holder} holds it`,
        details: "detach the holder first, or choose another one",
      });
    }
    plan = {
      evicted: [...plan.evicted, held],
      ...(ours ? { wanted: plan.wanted, layout: plan.layout } : takeOver(plan, mine, held)),
    };
  }
  return plan;
});

/**
 * Adds an attachment's elements, all or none, with its name as their comment. First the small batch alone; tables and
 * chains are made only when it says ENOENT. An element that is held by another attachment ends in `Refused` naming the
 * holder; one keyed by a container's address is taken over, for addresses are leased.
 */
export const applyElements = Effect.fnUntraced(function* (
  key: AttachmentKey,
  elements: readonly NftElement[],
  layout: Layout,
) {
  if (elements.length === 0) return;
  const comment = attachmentComment(key);
  let attempt: Attempt = { evicted: [], wanted: elements.map((element) => ({ ...element, comment })), layout };
  for (let count = 1;; count++) {
    const error = yield* place(attempt.evicted, attempt.wanted);
    if (error === null) return;
    if (count === MAX_ATTEMPTS) return yield* error;
    if (error.errno === "ENOENT") yield* makeMissing(attempt.layout);
    else if (error.errno === "EEXIST" || error.errno === "EBUSY") attempt = yield* makeRoom(key, attempt);
    else return yield* error;
  }
});
