/** Plugins of a test's own: shell scripts in a folder that goes with the test. */

/** The folder. */
export class Scripts implements Disposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "cleat-scripts-" });

  /** Writes an executable script; answers its path. */
  write(name: string, body: string, mode = 0o755): string {
    const path = `${this.folder}/${name}`;
    Deno.writeTextFileSync(path, `#!/bin/sh\n${body}\n`);
    Deno.chmodSync(path, mode);
    return path;
  }

  /** Content of a file that a script wrote, or null until it is whole: it ends with a line feed. */
  read(name: string): string | null {
    try {
      const text = Deno.readTextFileSync(`${this.folder}/${name}`);
      return text.endsWith("\n") ? text : null;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Whether a process is there; one that has ended and was not waited for is. */
export const isProcess = (pid: number): boolean => {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

/** Whether a process runs: one that has ended does not, whoever has not waited for it. */
export const runs = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};
