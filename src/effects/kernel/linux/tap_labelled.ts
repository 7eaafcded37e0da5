/**
 * Taps in an SELinux context. A device gets the context of the task that makes it (selinux_tun_dev_alloc_security,
 * security/selinux/hooks.c), and a process of several threads, as this one is, may not change its own: the program ip(8)
 * makes it, started in that context.
 */
import { SystemError } from "../../libc/errno.ts";
import { files, O_WRONLY } from "../../libc/files.ts";
import { HostError } from "../host.ts";
import type { TapKind } from "../op.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import type { OpenNetns } from "./netns.ts";
import { findProgram, runProgram, saidBy, searched } from "./program.ts";

/** The context of what the calling thread starts (proc(5)); the kernel forgets it when nothing is written. */
const EXEC_CONTEXT = "/proc/thread-self/attr/exec";

const encoder = new TextEncoder();

function writeContext(context: string): void {
  const fd = files.open(EXEC_CONTEXT, O_WRONLY);
  if (fd === null) throw new SystemError("EOPNOTSUPP", "open", `there is no ${EXEC_CONTEXT}`);
  try {
    files.write(fd, encoder.encode(context), EXEC_CONTEXT);
  } finally {
    files.close(fd);
  }
}

/** Runs `start` so that what it starts runs in the context. */
function inContext<T>(context: string, start: () => T): T {
  try {
    writeContext(context);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new NetlinkFailure(error.errno, `SELinux does not take the context "${context}": ${error.message}`);
  }
  try {
    return start();
  } finally {
    writeContext("");
  }
}

/** A tap to be made. */
interface Labelled extends TapKind {
  readonly name: string;
  readonly selinuxContext: string;
}

const argumentsOf = ({ name, multiQueue, owner, group }: Labelled): readonly string[] => [
  ...["tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr"],
  ...(multiQueue === true ? ["multi_queue"] : []),
  ...(owner === undefined ? [] : ["user", `${owner}`]),
  ...(group === undefined ? [] : ["group", `${group}`]),
];

/** Makes a tap in the namespace, in its context. Throws `SystemError` or `HostError`. */
export function makeLabelledTap(netns: OpenNetns, tap: Labelled): void {
  const file = findProgram("ip");
  if (file === null) {
    throw new HostError({
      doing: "make a tap in an SELinux context without the program",
      subject: "ip",
      errno: `ENOENT: it is in none of ${searched().join(", ")}; install iproute2, or put it on PATH`,
    });
  }
  const ended = inContext(tap.selinuxContext, () => runProgram(netns, file, argumentsOf(tap)));
  if (ended.code === 0) return;
  const errno = `it ended with ${ended.code}: ${saidBy(ended)}`;
  throw new HostError({ doing: "run ip tuntap add", subject: tap.name, errno });
}
