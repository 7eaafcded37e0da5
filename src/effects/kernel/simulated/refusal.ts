/** How the simulated kernel says no, inside its own room; `host.ts` turns it into a `HostError`. */

/** An errno by its symbolic name, with the kernel's words where it has any. */
export class Refusal extends Error {
  readonly errno: string;
  readonly extack: string | undefined;
  constructor(errno: string, extack?: string) {
    super(extack ?? errno);
    this.errno = errno;
    this.extack = extack;
  }
}

/** Refuses the op that is being carried out. Nothing may have been changed before, except by `link.set`. */
export const refuse = (errno: string, extack?: string): never => {
  throw new Refusal(errno, extack);
};
