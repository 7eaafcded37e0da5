/** One plugin process: its input written, its output collected within bounds, its whole group killed on demand. */
import { type Finished, MAX_OUTPUT_BYTES } from "./exec.ts";

type Output = "stdout" | "stderr";

/** A plugin that runs, in a session and so a process group of its own. */
export class PluginProcess {
  /** Settles once the process has ended and nobody holds its output open any more. Never rejects. */
  readonly ended: Promise<Finished>;
  readonly #pid: number;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #readers: Readonly<Record<Output, ReadableStreamDefaultReader<Uint8Array>>>;
  #flooded: Output | null = null;

  /** Starts it; throws when it cannot be started. */
  constructor(file: string, environment: Readonly<Record<string, string>>, stdin: string) {
    const child = new Deno.Command(file, {
      env: { ...environment },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.#pid = child.pid;
    this.#readers = { stdout: child.stdout.getReader(), stderr: child.stderr.getReader() };
    this.ended = this.#end(child, write(child.stdin, stdin));
  }

  /** Kills the process and all it has started, unless they left its group, and waits for nobody else's pipes. */
  stop(): void {
    try {
      Deno.kill(-this.#pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // all of them have ended
    }
    this.#stopped.resolve();
    // The output of what is left of the group, in another session, is nobody's.
    for (const reader of Object.values(this.#readers)) reader.cancel().catch(() => {});
  }

  async #end(child: Deno.ChildProcess, written: Promise<void>): Promise<Finished> {
    const [stdout, stderr, { code, signal }] = await Promise.all([
      this.#collect("stdout"),
      this.#collect("stderr"),
      child.status,
      Promise.race([written, this.#stopped.promise]),
    ]);
    return { code, signal, stdout, stderr, ...(this.#flooded === null ? {} : { flooded: this.#flooded }) };
  }

  async #collect(output: Output): Promise<string> {
    const reader = this.#readers[output];
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      bytes += read.value.length;
      if (bytes > MAX_OUTPUT_BYTES) {
        this.#flooded = output;
        this.stop();
        break;
      }
      text += decoder.decode(read.value, { stream: true });
    }
    return text + decoder.decode();
  }
}

/** A plugin may end without reading its stdin: a broken pipe is no error. */
async function write(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  await writer.write(new TextEncoder().encode(text)).catch(() => {});
  await writer.close().catch(() => {});
}
