/**
 * A private world for tests: network and mount namespaces of their own, so that nothing a test does can reach this
 * machine's network, firewall or state. It ends with its last process.
 */

/** How to start something in a private world, and in words which world that is. */
export interface World {
  readonly name: string;
  /** Put before a command. */
  readonly prefix: readonly string[];
}

/**
 * Brings `lo` up, then becomes the command. Folders where CNI plugins and the tools they call keep state by default
 * are covered by empty ones, unless what the tests themselves need is in there.
 */
const prepare = `
ip link set lo up 2>/dev/null
for folder in /run /var/lib; do
  case ":$PWD:$HOME:$DENO_DIR:$TMPDIR:$1:" in *:$folder/*) continue ;; esac
  mount -t tmpfs tmpfs $folder || exit 1
done
exec "$@"
`;

const worldOf = (name: string, ...unshareFlags: string[]): World => ({
  name,
  prefix: ["unshare", ...unshareFlags, "--", "sh", "-c", prepare, "sh"],
});

const works = ({ prefix }: World): boolean => {
  const [program = "", ...args] = [...prefix, "true"];
  try {
    return new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false; // there is no unshare here
  }
};

/** The best world this machine allows: as root, else in a user namespace, else none. */
export function privateWorld(): World | null {
  const asRoot = worldOf("private network and mount namespaces, as root", "-n", "-m");
  const asUser = worldOf("private network and mount namespaces, in a user namespace", "-U", "-r", "-n", "-m");
  return (Deno.uid() === 0 ? [asRoot, asUser] : [asUser]).find(works) ?? null;
}
