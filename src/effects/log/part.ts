/** The rule for names that become folders and files of the log. */
import type { AttachmentKey, StreamId } from "../../spec/key.ts";

const checkPart = (part: string): void => {
  if (part === "" || part === "." || part === ".." || part.includes("/") || part.includes("\0")) {
    throw new Error(`${JSON.stringify(part)} cannot be part of a path`);
  }
};

/**
 * Throws unless every given part stays inside the folder it is put in. Names are checked at the door; this is the second
 * lock, and it holds for the store in memory too, so that tests see what the files would do.
 */
export const checkParts = ({ network, containerId, ifName, slot }: Partial<StreamId>): void => {
  for (const part of [network, containerId, ifName, slot]) if (part !== undefined) checkPart(part);
};

/** How errors name what a filter asks for: `*` where any will do. */
export const filterName = ({ network, containerId, ifName }: Partial<AttachmentKey>): string =>
  [network, containerId, ifName].map((part) => part ?? "*").join("/");
