/** What names an attachment and the streams of its log. */

/** One interface of one container on one network: what ADD makes and DEL removes (CNI spec 1.1.0, section 2). */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** Whose stream within an attachment: a plugin type, `tuning#2` for its second use in one chain, `@chain` for a runtime. */
export type Slot = string;

/** Names one stream: one file, one machine, one writer at a time. */
export interface StreamId extends AttachmentKey {
  readonly slot: Slot;
}

/** The slot of the runtime that runs the chain. */
export const CHAIN_SLOT: Slot = "@chain";

/** `network/containerId/ifName`, as people read it. */
export const attachmentName = (key: AttachmentKey): string => `${key.network}/${key.containerId}/${key.ifName}`;

/** `network/containerId/ifName/slot`, the path of a stream below the state directory and the seed of its hash chain. */
export const streamName = (id: StreamId): string => `${attachmentName(id)}/${id.slot}`;
