/** Commands as netlink requests. */
import type { NftCommand, NftElement } from "../../nft.ts";
import { NLMSG_HDRLEN, type Writer } from "../netlink/message.ts";
import { type NetlinkRequest, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import { ELEMENT, ELEMENT_LIST, LIST_ELEM, MSG } from "./constants.ts";
import { writeValue, writeVerdict } from "./data.ts";
import { encodeFields } from "./field.ts";
import { nftMessage, nftType, writeComment } from "./message.ts";
import { objectRequest } from "./object.ts";

/** A list of elements is closed at this many bytes: an attribute has at most 65 535, and one element never has 5000. */
const FULL_LIST_BYTES = 60_000;

type ElementCommand = Extract<NftCommand, NftElement>;

/** One request of a batch and the commands it carries out: several only for elements, which share a request per set. */
export interface Operation {
  readonly request: NetlinkRequest;
  readonly commands: readonly NftCommand[];
  /** Where the part of each command ends, in bytes from the request's header: errors say where they were met. */
  readonly ends: readonly number[];
}

/** Writes what names an element, and with `whole` also its value and comment. */
export function writeElement(writer: Writer, element: NftElement, whole: boolean): void {
  const { key, value, comment } = element;
  writer.nested(LIST_ELEM, () => {
    writeValue(writer, ELEMENT.KEY, encodeFields(key));
    if (!whole) return;
    if (value !== undefined) {
      if ("verdict" in value) writeVerdict(writer, ELEMENT.DATA, value);
      else writeValue(writer, ELEMENT.DATA, encodeFields(value));
    }
    writeComment(writer, ELEMENT.USERDATA, comment);
  });
}

const isElement = (command: NftCommand): command is ElementCommand =>
  "remove" in command ? command.remove === "element" : command.add === "element";

/** Whether both do the same with elements of the same set, so that they can share a request. */
const together = (a: ElementCommand, b: NftCommand): b is ElementCommand =>
  isElement(b) && ("remove" in a) === ("remove" in b) && a.set === b.set && a.table === b.table &&
  a.family === b.family;

/** One request for `first`, which is at `at`, and as many of the commands after it as belong to its set and fit. */
function elementsOperation(first: ElementCommand, all: readonly NftCommand[], at: number): Operation {
  const adding = "add" in first;
  const commands: NftCommand[] = [];
  const ends: number[] = [];
  const writer = nftMessage(first.family).attributeString(ELEMENT_LIST.TABLE, first.table)
    .attributeString(ELEMENT_LIST.SET, first.set);
  writer.nested(ELEMENT_LIST.ELEMENTS, () => {
    const start = writer.length;
    for (let next = at; next < all.length && writer.length - start < FULL_LIST_BYTES; next++) {
      const command = all[next];
      if (command === undefined || !together(first, command)) break;
      writeElement(writer, command, adding);
      commands.push(command);
      ends.push(NLMSG_HDRLEN + writer.length);
    }
  });
  const request = adding
    ? { type: nftType(MSG.NEWSETELEM), flags: NLM_F_CREATE | NLM_F_EXCL, body: writer.finish() }
    : { type: nftType(MSG.DELSETELEM), body: writer.finish() };
  return { request, commands, ends };
}

/** The requests that carry out these commands, in their order. Elements are removed whatever their value is. */
export function encodeCommands(commands: readonly NftCommand[]): readonly Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at < commands.length;) {
    const command = commands[at];
    if (command === undefined) break;
    const operation = isElement(command)
      ? elementsOperation(command, commands, at)
      : { request: objectRequest(command, at + 1), commands: [command], ends: [Infinity] };
    operations.push(operation);
    at += operation.commands.length;
  }
  return operations;
}

/** The command a failure at this offset belongs to; without an offset, the first. */
export function commandAt({ commands, ends }: Operation, offset: number | undefined): NftCommand | undefined {
  const index = offset === undefined ? 0 : ends.findIndex((end) => offset < end);
  return commands[Math.max(index, 0)];
}
