/** What Go's tuning plugin saved before it changed a link: the only way to put back what the log knows nothing of. */
import type { LinkSettings } from "../effects/kernel/op.ts";
import { isJsonObject } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { parseMac } from "../spec/mac.ts";
import { backupFileName } from "../spec/names.ts";

/** Where Go's plugin saves the old values of an attachment. */
export const backupPath = (dataDir: string, { containerId, ifName }: AttachmentKey): string =>
  `${dataDir}/${backupFileName(containerId, ifName)}`;

/** The saved values as settings; empty when the text is not what Go's plugin writes. */
export const readBackup = (text: string): LinkSettings => {
  let saved: unknown;
  try {
    saved = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isJsonObject(saved)) return {};
  const mac = typeof saved.mac === "string" ? parseMac(saved.mac) : null;
  return {
    ...(mac === null ? {} : { mac }),
    ...(typeof saved.promisc === "boolean" ? { promisc: saved.promisc } : {}),
    ...(typeof saved.mtu === "number" ? { mtu: saved.mtu } : {}),
    ...(typeof saved.allmulti === "boolean" ? { allmulti: saved.allmulti } : {}),
    ...(typeof saved.txQLen === "number" ? { txQueueLen: saved.txQLen } : {}),
  };
};
