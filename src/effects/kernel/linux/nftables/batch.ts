/** A batch: all of its commands come into force at once, or none does. */
import type { NftCommand } from "../../nft.ts";
import type { NetlinkFailure } from "../netlink/error.ts";
import { nfgenmsg } from "../netlink/nfnetlink.ts";
import { type NetlinkRequest, type NetlinkSocket, NLM_F_ACK } from "../netlink/socket.ts";
import { commandAt, encodeCommands, type Operation } from "./command.ts";
import { BATCH, NFNL_SUBSYS_NFTABLES } from "./constants.ts";
import { describeNft } from "./describe.ts";
import { NftFailure } from "./failure.ts";

/** What this layer needs of a socket of NETLINK_NETFILTER. */
export type NetfilterSocket = Pick<NetlinkSocket, "request" | "batch" | "dump">;

/** NFNL_MSG_BATCH_BEGIN or _END; struct nfgenmsg with the subsystem as res_id. */
export function bracket(type: number, generation?: number): NetlinkRequest {
  const writer = nfgenmsg(0, NFNL_SUBSYS_NFTABLES);
  if (generation !== undefined) writer.attributeBe32(BATCH.GENID, generation);
  return { type, body: writer.finish() };
}

/** The failure of one operation, or, without one, of the batch as a whole. */
function refusal(
  failure: NetlinkFailure,
  operation: Operation | undefined,
  commands: readonly NftCommand[],
): NftFailure {
  const command = operation === undefined ? undefined : commandAt(operation, failure.offset);
  if (command === undefined) {
    const first = commands[0];
    const subject = `nftables batch of ${commands.length}${first === undefined ? "" : `, ${describeNft(first)} first`}`;
    return new NftFailure(failure, { doing: "apply", subject });
  }
  const doing = "add" in command ? "add" : "remove";
  return new NftFailure(failure, { doing, subject: describeNft(command), command });
}

/**
 * Sends one batch, which must not be empty. With `generation` the kernel refuses it when the ruleset has changed since
 * (ERESTART). Elements are removed whatever their value is, and must be there. Throws `NftFailure` for the first
 * command that was refused; nothing has changed then.
 */
export function sendBatch(socket: NetfilterSocket, commands: readonly NftCommand[], generation?: number): void {
  const operations = encodeCommands(commands);
  const requests = operations.map(({ request }, index) =>
    index < operations.length - 1 ? request : { ...request, flags: (request.flags ?? 0) | NLM_F_ACK }
  );
  const { failures } = socket.batch([bracket(BATCH.BEGIN, generation), ...requests, bracket(BATCH.END)]);
  // The begin is refused for a changed generation, for lack of privilege, and for what only the commit finds.
  const first = failures.find(({ index }) => index > 0) ?? failures[0];
  if (first !== undefined) throw refusal(first.failure, operations[first.index - 1], commands);
}
