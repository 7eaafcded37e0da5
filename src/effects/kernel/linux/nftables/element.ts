/** Reading single elements: one request each, at the same cost in a small set and in a large one. */
import type { NftElement, NftField, NftVerdict } from "../../nft.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes } from "../netlink/message.ts";
import { NFGENMSG } from "../netlink/nfnetlink.ts";
import type { NetlinkMessage, NetlinkRequest } from "../netlink/socket.ts";
import type { NetfilterSocket } from "./batch.ts";
import { writeElement } from "./command.ts";
import { DATA, ELEMENT, ELEMENT_LIST, GEN_ID, LIST_ELEM, MSG, SET } from "./constants.ts";
import { readVerdict } from "./data.ts";
import { describeElement } from "./describe.ts";
import { NftFailure } from "./failure.ts";
import { decodeFields, encodeFields, unpackTypes } from "./field.ts";
import { nftMessage, nftType } from "./message.ts";
import { COMMENT, decodeComment } from "./userdata.ts";

/** Reads per send: all answers of a send wait in the receive buffer, which by default holds some 200. */
const READS_PER_SEND = 64;

/** An element as the kernel has it. */
export interface StoredElement {
  /** The value of a map of fields. */
  readonly bytes: Uint8Array | null;
  /** The value of a verdict map. */
  readonly verdict: NftVerdict | null;
  readonly comment: string | null;
}

/** The number of the ruleset in force in the socket's namespace: every batch that changes something makes another. */
export function readGeneration(socket: NetfilterSocket): number {
  const answers = socket.request({ type: nftType(MSG.GETGEN), body: new Uint8Array(NFGENMSG) });
  for (const { type, body } of answers) {
    const generation = type === nftType(MSG.NEWGEN) ? new Attributes(body.subarray(NFGENMSG)).be32(GEN_ID) : null;
    if (generation !== null) return generation;
  }
  throw new NetlinkFailure("EPROTO", "the kernel did not tell its generation");
}

function readRequest(element: NftElement): NetlinkRequest {
  const writer = nftMessage(element.family).attributeString(ELEMENT_LIST.TABLE, element.table)
    .attributeString(ELEMENT_LIST.SET, element.set);
  writer.nested(ELEMENT_LIST.ELEMENTS, () => writeElement(writer, element, false));
  return { type: nftType(MSG.GETSETELEM), body: writer.finish() };
}

function storedElement({ body }: NetlinkMessage): StoredElement {
  const element = new Attributes(body.subarray(NFGENMSG)).nested(ELEMENT_LIST.ELEMENTS).nested(LIST_ELEM);
  const data = element.nested(ELEMENT.DATA);
  const userdata = element.bytes(ELEMENT.USERDATA);
  return {
    bytes: data.bytes(DATA.VALUE),
    verdict: readVerdict(data),
    comment: userdata === null ? null : decodeComment(userdata, COMMENT),
  };
}

/** The elements of one send; those the kernel says ENOENT for are null. */
function readSome(socket: NetfilterSocket, elements: readonly NftElement[]): readonly (StoredElement | null)[] {
  const { messages, failures } = socket.batch(elements.map(readRequest));
  const refused = new Map(failures.map(({ index, failure }) => [index, failure]));
  // Every request is answered, in order, either by the element or by a failure.
  const answers = messages.filter(({ type }) => type === nftType(MSG.NEWSETELEM)).values();
  return elements.map((element, index) => {
    const failure = refused.get(index);
    if (failure?.errno === "ENOENT") return null;
    const answer = failure === undefined ? answers.next().value : undefined;
    if (answer !== undefined) return storedElement(answer);
    throw new NftFailure(failure ?? new NetlinkFailure("EPROTO", "the kernel did not answer"), {
      doing: "read",
      subject: describeElement(element),
    });
  });
}

/** The elements with these keys, in their order; null where element, set or table is missing. Throws `NftFailure`. */
export function readStored(
  socket: NetfilterSocket,
  elements: readonly NftElement[],
): readonly (StoredElement | null)[] {
  const stored: (StoredElement | null)[] = [];
  for (let at = 0; at < elements.length; at += READS_PER_SEND) {
    stored.push(...readSome(socket, elements.slice(at, at + READS_PER_SEND)));
  }
  return stored;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

/** Whether an element has this value; every element has the value `undefined`. */
export function hasValue(stored: StoredElement, value: NftElement["value"]): boolean {
  if (value === undefined) return true;
  if (!("verdict" in value)) return stored.bytes !== null && sameBytes(stored.bytes, encodeFields(value));
  if (stored.verdict?.verdict !== value.verdict) return false;
  return !("chain" in value) || ("chain" in stored.verdict && stored.verdict.chain === value.chain);
}

/** The value of a map of fields, by the types the map was declared with; null when one of them is none of ours. */
function readFields(socket: NetfilterSocket, which: NftElement, bytes: Uint8Array): readonly NftField[] | null {
  const body = nftMessage(which.family).attributeString(SET.TABLE, which.table).attributeString(SET.NAME, which.set)
    .finish();
  const { messages, failures: [failure] } = socket.batch([{ type: nftType(MSG.GETSET), body }]);
  // The set may have gone since the element was read: then there is nothing to read it by.
  if (failure !== undefined && failure.failure.errno !== "ENOENT") throw failure.failure;
  const answer = messages.find(({ type }) => type === nftType(MSG.NEWSET));
  const packed = answer === undefined ? null : new Attributes(answer.body.subarray(NFGENMSG)).be32(SET.DATA_TYPE);
  const types = packed === null ? null : unpackTypes(packed);
  return types === null ? null : decodeFields(types, bytes);
}

/**
 * The element with this key, with its value and comment; null when element, set or table is missing. The value is left
 * out where there is none, and where the map was declared with types that are none of ours. Throws `NftFailure`.
 */
export function readElement(socket: NetfilterSocket, which: NftElement): NftElement | null {
  const { family, table, set, key } = which;
  const [stored] = readStored(socket, [which]);
  if (stored === undefined || stored === null) return null;
  const value = stored.verdict ?? (stored.bytes === null ? null : readFields(socket, which, stored.bytes));
  return {
    family,
    table,
    set,
    key,
    ...(value === null ? {} : { value }),
    ...(stored.comment === null ? {} : { comment: stored.comment }),
  };
}
