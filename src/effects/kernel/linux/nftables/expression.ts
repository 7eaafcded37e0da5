/** Rule expressions, as attributes. The numbers are those of linux/netfilter/nf_tables.h. */
import type { NftExpr } from "../../nft.ts";
import type { Writer } from "../netlink/message.ts";
import { EXPR, LIST_ELEM, NFPROTO, NFT_REG_VERDICT } from "./constants.ts";
import { writeValue, writeVerdict } from "./data.ts";

/** NFT_PAYLOAD_*_HEADER. */
const PAYLOAD_BASE = { link: 0, network: 1, transport: 2 } as const;
/** NFT_META_*. */
const META_KEY = { protocol: 1, mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
/** NFT_CT_*. */
const CT_KEY = { status: 2 } as const;
/** NFT_FIB_RESULT_ADDRTYPE and NFTA_FIB_F_DADDR. */
const FIB_RESULT_ADDRTYPE = 3;
const FIB_F_DADDR = 2;
/** NFT_CMP_*. */
const CMP_OP = { "==": 0, "!=": 1 } as const;
/** NFT_LOOKUP_F_INV. */
const LOOKUP_F_INV = 1;
/** NFT_NAT_DNAT. */
const NAT_DNAT = 1;

/** The attributes of each expression: NFTA_PAYLOAD_*, NFTA_META_* and so on. */
const PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 } as const;
const META = { DREG: 1, KEY: 2 } as const;
const CT = { DREG: 1, KEY: 2 } as const;
const FIB = { DREG: 1, RESULT: 2, FLAGS: 3 } as const;
const BITWISE = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5 } as const;
const CMP = { SREG: 1, OP: 2, DATA: 3 } as const;
const LOOKUP = { SET: 1, SREG: 2, DREG: 3, FLAGS: 5 } as const;
const NAT = { TYPE: 1, FAMILY: 2, REG_ADDR_MIN: 3, REG_PROTO_MIN: 5 } as const;
const IMMEDIATE = { DREG: 1, DATA: 2 } as const;

type Of<Name extends NftExpr["expr"]> = Extract<NftExpr, { readonly expr: Name }>;

/** The kernel's name of an expression, where it is not ours. */
const KERNEL_NAME: Readonly<Partial<Record<NftExpr["expr"], string>>> = {
  dnat: "nat",
  masquerade: "masq",
  verdict: "immediate",
};

function writeBitwise(writer: Writer, expr: Of<"bitwise">): void {
  const mask = Uint8Array.fromHex(expr.mask);
  writer.attributeBe32(BITWISE.SREG, expr.from).attributeBe32(BITWISE.DREG, expr.to);
  writer.attributeBe32(BITWISE.LEN, mask.length);
  writeValue(writer, BITWISE.MASK, mask);
  writeValue(writer, BITWISE.XOR, new Uint8Array(mask.length));
}

function writeLookup(writer: Writer, expr: Of<"lookup">): void {
  writer.attributeString(LOOKUP.SET, expr.set).attributeBe32(LOOKUP.SREG, expr.from);
  if (expr.to !== undefined) writer.attributeBe32(LOOKUP.DREG, expr.to);
  if (expr.not) writer.attributeBe32(LOOKUP.FLAGS, LOOKUP_F_INV);
}

function writeAttributes(writer: Writer, expr: NftExpr): unknown {
  switch (expr.expr) {
    case "payload":
      return writer.attributeBe32(PAYLOAD.DREG, expr.to).attributeBe32(PAYLOAD.BASE, PAYLOAD_BASE[expr.base])
        .attributeBe32(PAYLOAD.OFFSET, expr.offset).attributeBe32(PAYLOAD.LEN, expr.length);
    case "meta":
      return writer.attributeBe32(META.DREG, expr.to).attributeBe32(META.KEY, META_KEY[expr.key]);
    case "ct":
      return writer.attributeBe32(CT.DREG, expr.to).attributeBe32(CT.KEY, CT_KEY[expr.key]);
    case "fib":
      return writer.attributeBe32(FIB.DREG, expr.to).attributeBe32(FIB.RESULT, FIB_RESULT_ADDRTYPE)
        .attributeBe32(FIB.FLAGS, FIB_F_DADDR);
    case "bitwise":
      return writeBitwise(writer, expr);
    case "cmp":
      writer.attributeBe32(CMP.SREG, expr.from).attributeBe32(CMP.OP, CMP_OP[expr.is]);
      return writeValue(writer, CMP.DATA, Uint8Array.fromHex(expr.bytes));
    case "lookup":
      return writeLookup(writer, expr);
    case "dnat":
      return writer.attributeBe32(NAT.TYPE, NAT_DNAT).attributeBe32(NAT.FAMILY, NFPROTO[expr.family])
        .attributeBe32(NAT.REG_ADDR_MIN, expr.address).attributeBe32(NAT.REG_PROTO_MIN, expr.port);
    case "verdict":
      return writeVerdict(writer.attributeBe32(IMMEDIATE.DREG, NFT_REG_VERDICT), IMMEDIATE.DATA, expr);
    case "masquerade":
    case "counter":
      return;
  }
}

/** Writes one expression as a member of a list of them. Throws `SyntaxError` when `bytes` or `mask` is not hex. */
export const writeExpression = (writer: Writer, expr: NftExpr): Writer =>
  writer.nested(LIST_ELEM, () =>
    writer.attributeString(EXPR.NAME, KERNEL_NAME[expr.expr] ?? expr.expr)
      .nested(EXPR.DATA, () => writeAttributes(writer, expr)));
