/** The namespaces that are open, shared by the commands that work on them. */
import { NetnsError, type NetnsWanted } from "../host.ts";
import { files } from "../../libc/files.ts";
import { openAt, OpenNetns } from "./netns.ts";

type Recorded = Extract<NetnsWanted, { readonly recorded: unknown }>;

interface Entry {
  readonly netns: OpenNetns;
  users: number;
}

/** The two sides of an attachment; the container is null where there is none, or none any more. */
export interface OpenSides {
  readonly host: OpenNetns;
  readonly container: OpenNetns | null;
}

/** Which file this is now, which tells whether a path still leads to the same namespace; null when there is none. */
function fileAt(path: string): string | null {
  try {
    const status = files.statusOf(path);
    return status === null ? null : `${path} ${status.id}`;
  } catch {
    return null;
  }
}

/** The mount is gone: there is no file, or just the plain file that was mounted on, or links that lead nowhere. */
const isGone = ({ reason, detail = "" }: NetnsError): boolean => reason !== "unreadable" || detail.endsWith("ELOOP");

/**
 * Opening a namespace costs more than a request, and all commands of a chain work on the same two. The container's is
 * closed by its last user. The host's stays open as long as the shelf: closing a netfilter socket waits until the kernel
 * has freed what was removed through any of them.
 */
export class Shelf {
  readonly #hosts = new Map<string, OpenNetns>();
  readonly #containers = new Map<string, Entry>();

  /** Opens both sides. Throws `NetnsError`, or `SystemError` where the host's cannot be opened. */
  open(wanted: NetnsWanted): OpenSides {
    const host = this.#host();
    if (wanted === null) return { host, container: null };
    return { host, container: "recorded" in wanted ? this.#recorded(wanted, host) : this.#wanted(wanted, host) };
  }

  /** Gives a container's namespace back. */
  give(netns: OpenNetns): void {
    for (const [file, entry] of this.#containers) {
      if (entry.netns !== netns || --entry.users > 0) continue;
      this.#containers.delete(file);
      netns.close();
    }
  }

  /** Closes the host sides. */
  close(): void {
    for (const host of this.#hosts.values()) host.close();
    this.#hosts.clear();
  }

  /** The namespace the calling thread is in. Its inode is not used again while we hold it open. */
  #host(): OpenNetns {
    const name = files.statusOf("/proc/thread-self/ns/net")?.id ?? "";
    const host = this.#hosts.get(name) ?? OpenNetns.current();
    this.#hosts.set(name, host);
    return host;
  }

  /** The same file is the same namespace: its inode is not used again while we hold it open. */
  #take(path: string): OpenNetns {
    const file = fileAt(path);
    const known = file === null ? undefined : this.#containers.get(file);
    const entry = known ?? { netns: openAt(path), users: 0 };
    entry.users++;
    this.#containers.set(file ?? path, entry);
    return entry.netns;
  }

  /** For ADD and CHECK; `own` also for another path to the host's namespace. */
  #wanted({ path, allowOwn }: { readonly path: string; readonly allowOwn: boolean }, host: OpenNetns): OpenNetns {
    const netns = this.#take(path);
    if (netns.identity.cookie !== host.identity.cookie || allowOwn) return netns;
    this.give(netns);
    throw new NetnsError({ path, reason: "own" });
  }

  /** Exactly the namespace that was recorded; null when it is gone, or when its path is another one's now. */
  #recorded({ recorded: { path, cookie }, refuseOwn = false }: Recorded, host: OpenNetns): OpenNetns | null {
    if (refuseOwn && cookie === host.identity.cookie) return null;
    let netns: OpenNetns;
    try {
      netns = this.#take(path);
    } catch (error) {
      if (error instanceof NetnsError && isGone(error)) return null;
      throw error;
    }
    if (netns.identity.cookie === cookie) return netns;
    this.give(netns);
    return null;
  }
}
