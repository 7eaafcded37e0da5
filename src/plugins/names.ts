/** Names of host links, computed from what they belong to: whoever undoes knows them without asking. */
import * as Effect from "effect/Effect";
import { sha256Of } from "../spec/hash.ts";
import { type AttachmentKey, attachmentName } from "../spec/key.ts";
import { MAX_IF_NAME_BYTES } from "../spec/names.ts";

/** What host ends of veth pairs begin with, as operators and firewall rules know them from other plugins. */
const PREFIX = "veth";

/** Digits of the hash that fit behind the prefix. */
const DIGITS = MAX_IF_NAME_BYTES - PREFIX.length;

const hashedName = (text: string): Effect.Effect<string> =>
  Effect.map(sha256Of(text), (hash) => PREFIX + hash.slice(0, DIGITS));

/** Name of the host end of the veth pair of an attachment: `veth` and 11 hex digits of SHA-256 over its key. */
export const hostVethName = (key: AttachmentKey): Effect.Effect<string> => hashedName(attachmentName(key));

/** Whether a link bears a name of this kind; Go's plugins use eight digits. */
export const isHostVethName = (name: string): boolean => /^veth[0-9a-f]{11}$/.test(name);

/**
 * Name of the end that is the bridge's port of a pair inside the host, whose other end is the link `name`. No
 * attachment can have this name's text: theirs have slashes.
 */
export const portNameOf = (name: string): Effect.Effect<string> => hashedName(`port of ${name}`);
