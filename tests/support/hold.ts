/** A foreign plugin that stops in the middle of its work until it is let go, and how to see that somebody waits for it. */
import type { Verb } from "./runtimes.ts";

/** How long it waits for its release, in seconds: a test that has failed must not leave it behind. */
const LIMIT_S = 20;

/** Stops where there is a FIFO for the verb and the container; answers one address. */
const script = (folder: string): string =>
  `#!/bin/sh
cat > /dev/null
fifo=${folder}/$CNI_COMMAND-$CNI_CONTAINERID
echo "$CNI_COMMAND $CNI_CONTAINERID" >> ${folder}/calls
if [ -p "$fifo.go" ]; then
  exec 3<> "$fifo.go"
  echo here > "$fifo.here"
  timeout ${LIMIT_S} head -n 1 <&3 > /dev/null
fi
echo "$CNI_COMMAND $CNI_CONTAINERID ends" >> ${folder}/calls
if [ "$CNI_COMMAND" = ADD ]; then
  echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.2/24"}]}'
fi
`;

const mkfifo = (path: string): void => {
  const { success, stderr } = new Deno.Command("mkfifo", { args: ["-m", "600", path], stderr: "piped" }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
};

/** One place where the plugin stops. */
export interface Stop extends Disposable {
  /** Resolves when the plugin has come so far. */
  readonly here: () => Promise<void>;
  /** Lets it go on. */
  readonly go: () => void;
}

/** The plugin, in a folder for CNI_PATH. Its type is `hold`. */
export class Hold {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/hold`, script(folder), { mode: 0o755 });
  }

  /** From now on the plugin stops in this verb for this container, once for each `go`. */
  at(verb: Verb, containerId: string): Stop {
    const fifo = `${this.folder}/${verb}-${containerId}`;
    // Both ends of a FIFO in one descriptor: whoever opens the other never waits for us.
    const [here, go] = ["here", "go"].map((name) => {
      mkfifo(`${fifo}.${name}`);
      return Deno.openSync(`${fifo}.${name}`, { read: true, write: true });
    });
    if (here === undefined || go === undefined) throw new Error("two FIFOs");
    const end = new TextEncoder().encode("\n");
    return {
      here: async () => void await here.read(new Uint8Array(16)),
      go: () => {
        // Other runs of the same verb do not stop any more.
        Deno.removeSync(`${fifo}.go`);
        go.writeSync(end);
      },
      [Symbol.dispose]: () => {
        here.writeSync(end);
        go.writeSync(end);
        here.close();
        go.close();
      },
    };
  }

  /** What the plugin did, in order. */
  calls(): readonly string[] {
    return Deno.readTextFileSync(`${this.folder}/calls`).trimEnd().split("\n");
  }
}

/** So often a file of the log is tried again before somebody counts as waiting: who need not wait takes it at once. */
const TRIES = 4;

/** Something to wait for, and to give up. */
export interface Watch {
  readonly seen: Promise<void>;
  readonly stop: () => void;
}

/** Sees attempts to get at a file that is locked, from now on. */
export function watchTries(path: string): Watch {
  const watcher = Deno.watchFs(path);
  const count = async () => {
    let times = 0;
    // An attempt opens the file for writing, and closes it again.
    for await (const { kind } of watcher) if (kind === "access" && ++times === TRIES) break;
  };
  return { seen: count(), stop: () => watcher.close() };
}

/** Sees that the first byte of a file is locked: that is how GC keeps newcomers away while it waits for the others. */
export function watchGate(path: string): Watch {
  const { ino } = Deno.statSync(path);
  const lock = new RegExp(` WRITE .*:${ino} 0 0$`, "m");
  let given = false;
  const look = async () => {
    while (!given && !lock.test(Deno.readTextFileSync("/proc/locks"))) await new Promise((done) => setTimeout(done, 0));
  };
  return { seen: look(), stop: () => void (given = true) };
}
