/** What a command is about, in the words of `nft`. */
import type { NftCommand, NftElement, NftField } from "../../nft.ts";

/** A field as `nft` writes it. */
const describeField = (field: NftField): string => {
  if ("ip" in field) return field.ip;
  if ("protocol" in field) return field.protocol;
  if ("port" in field) return String(field.port);
  if ("ifName" in field) return `"${field.ifName}"`;
  return field.mac;
};

/** A key or a value as `nft` writes it: fields joined by dots. */
const describeFields = (fields: readonly NftField[]): string => fields.map(describeField).join(" . ");

/**
 * Names an element, without its value.
 *
 * @example
 * ```ts
 * import { describeElement } from "./describe.ts";
 * const key = [{ protocol: "tcp" }, { port: 8080 }] as const;
 * const text = describeElement({ family: "inet", table: "cleat", set: "hostports4", key });
 * if (text !== "element cleat hostports4 { tcp . 8080 }") throw new Error(text);
 * ```
 */
export const describeElement = (element: NftElement): string =>
  `element ${element.table} ${element.set} { ${describeFields(element.key)} }`;

/** Names the thing a command adds or removes, on one line: the subject of an error. */
export function describeNft(command: NftCommand): string {
  if ("remove" in command) {
    if (command.remove === "element") return describeElement(command);
    const what = command.remove === "rule" ? `rule ${command.handle} of` : "chain";
    return `${what} ${command.table} ${command.chain}`;
  }
  switch (command.add) {
    case "table":
      return `table ${command.family} ${command.table}`;
    case "chain":
      return `chain ${command.table} ${command.chain}`;
    case "set":
      return `${command.value === undefined ? "set" : "map"} ${command.table} ${command.set}`;
    case "rule":
      return `rule ${command.table} ${command.chain}${command.comment === undefined ? "" : ` "${command.comment}"`}`;
    case "element":
      return describeElement(command);
  }
}
