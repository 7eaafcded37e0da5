/** What names an attachment and the streams of its log. */

/** One interface of one container on one network: what ADD makes and DEL removes (CNI spec 1.1.0, section 2). */
export interface AttachmentKey {
  /** `name` of the network list: a letter or digit, then letters, digits, `_`, `.`, `-`. */
  readonly network: string;
  /** CNI_CONTAINERID, by the same rule. */
  readonly containerId: string;
  /** CNI_IFNAME: the interface's name in the container, at most 15 bytes (IFNAMSIZ, linux/if.h). */
  readonly ifName: string;
}

/** Whose stream within an attachment: a plugin type, `tuning#2` for its second use in one chain, `@chain` for a runtime. */
export type Slot = string;

/** Names one stream: one file, one machine, one writer at a time. */
export interface StreamId extends AttachmentKey {
  /** Whose stream it is. */
  readonly slot: Slot;
}

/** The slot of the runtime that runs the chain. */
export const CHAIN_SLOT: Slot = "@chain";

/** `network/containerId/ifName`, as people read it. */
export const attachmentName = (key: AttachmentKey): string => `${key.network}/${key.containerId}/${key.ifName}`;

/** `network/containerId/ifName/slot`, the path of a stream below the state directory and the seed of its hash chain. */
export const streamName = (id: StreamId): string => `${attachmentName(id)}/${id.slot}`;
