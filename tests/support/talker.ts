/** A program in the background whose lines a test waits for. */
import type { Netns } from "./netns.ts";

/** How long a line is waited for, in milliseconds: nothing here takes as long. */
const LIMIT_MS = 20_000;

/** What it has said, on stdout and stderr, and waiting for more. */
export class Talker {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #heard: Promise<unknown>;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  /** Starts it in a namespace, with exactly this environment and PATH. */
  constructor(ns: Netns, file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = ns.spawn(file, {
      args: [...args],
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const { stdout, stderr } = this.#child;
    this.#heard = Promise.all([this.#hear(stdout), this.#hear(stderr)]).then(() => {
      this.#ended = true;
      this.#tell();
    });
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  async #hear(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const [last = "", ...lines] = (rest + text).split("\n").reverse();
      rest = last;
      this.lines.push(...lines.reverse());
      this.#tell();
    }
  }

  #tell(): void {
    for (const look of this.#waiting) look();
  }

  /** The first line that matches, from line `from` on, as soon as there is one. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    const find = () => this.lines.slice(from).find((line) => pattern.test(line));
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (find() !== undefined || this.#ended) resolve();
    };
    this.#waiting.add(look);
    look();
    const limit = setTimeout(resolve, LIMIT_MS);
    await promise;
    clearTimeout(limit);
    this.#waiting.delete(look);
    const found = find();
    if (found !== undefined) return found;
    const end = this.#ended ? "it has ended" : `${LIMIT_MS} ms have passed`;
    throw new Error(`${end} without ${pattern}: ${this.lines.join("\n")}`);
  }

  /** Sends a signal and waits for its end; answers the exit code. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended by itself
    }
    const { code } = await this.#child.status;
    await this.#heard;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}
