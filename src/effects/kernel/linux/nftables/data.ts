/** NFTA_DATA: what a register, a key or the value of a map can hold. */
import type { NftVerdict } from "../../nft.ts";
import type { Attributes, Writer } from "../netlink/message.ts";
import { DATA, VERDICT_CODE } from "./constants.ts";

/** Writes plain bytes as the data attribute `type`. */
export const writeValue = (writer: Writer, type: number, bytes: Uint8Array): Writer =>
  writer.nested(type, () => writer.attributeBytes(DATA.VALUE, bytes));

/** Writes a verdict as the data attribute `type`. */
export const writeVerdict = (writer: Writer, type: number, verdict: NftVerdict): Writer =>
  writer.nested(type, () =>
    writer.nested(DATA.VERDICT, () => {
      writer.attributeBe32(DATA.VERDICT_CODE, VERDICT_CODE[verdict.verdict]);
      if ("chain" in verdict) writer.attributeString(DATA.VERDICT_CHAIN, verdict.chain);
    }));

/** The verdict in a data attribute; null when there is none, or one we have no word for (queue, continue). */
export function readVerdict(data: Attributes): NftVerdict | null {
  const inner = data.nested(DATA.VERDICT);
  const code = inner.be32(DATA.VERDICT_CODE);
  if (code === null) return null;
  const chain = inner.string(DATA.VERDICT_CHAIN);
  for (const verdict of ["accept", "drop", "return"] as const) {
    if (VERDICT_CODE[verdict] === (code | 0)) return { verdict };
  }
  for (const verdict of ["jump", "goto"] as const) {
    if (VERDICT_CODE[verdict] === (code | 0) && chain !== null) return { verdict, chain };
  }
  return null;
}
