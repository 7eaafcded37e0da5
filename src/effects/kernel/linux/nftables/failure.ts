/** What nf_tables refused. */
import type { NftCommand } from "../../nft.ts";
import { NetlinkFailure } from "../netlink/error.ts";

/** What was being done: Cannot `doing` "`subject`". */
export interface NftRefusal {
  readonly doing: "add" | "remove" | "read" | "apply";
  /** The thing, as `describeNft` names it. */
  readonly subject: string;
  /** The command at fault, the very object of the list; absent when the batch as a whole was refused. */
  readonly command?: NftCommand;
}

/**
 * A `NetlinkFailure` that says what it was about. EEXIST is a conflict, ENOENT a missing table, chain or set,
 * EPERM a lack of privilege.
 */
export class NftFailure extends NetlinkFailure {
  readonly doing: NftRefusal["doing"];
  readonly subject: string;
  readonly command: NftCommand | undefined;

  constructor(cause: NetlinkFailure, { doing, subject, command }: NftRefusal) {
    super(cause.errno, cause.extack, cause.offset);
    this.message = `Cannot ${doing} "${subject}": ${cause.errno}${
      cause.extack === undefined ? "" : `: ${cause.extack}`
    }`;
    this.doing = doing;
    this.subject = subject;
    this.command = command;
  }
}
