/** New TCP connections, one after the other, as many as a second holds. */
import type { Netns } from "../tests/support/netns.ts";

/** Accepts and closes. */
const SERVER = `use Socket; $| = 1;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in(80, INADDR_ANY)) or die $!; listen($s, 128) or die $!;
print "ready\\n";
close($c) while accept(my $c, $s);`;

/**
 * For each line on stdin connects as often as it says to the address and port, waits each time for the other's end, and
 * prints how many seconds all of them took. Resets, so that no port lingers.
 */
const CLIENT = `use Socket; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC); $| = 1;
my $to = sockaddr_in($ARGV[1], inet_aton($ARGV[0])); my $linger = pack("ii", 1, 0);
print "ready\\n";
while (my $count = <STDIN>) {
  my $start = clock_gettime(CLOCK_MONOTONIC);
  for (1 .. $count) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!; connect($s, $to) or die "connect: $!";
    sysread($s, my $end, 1); setsockopt($s, SOL_SOCKET, SO_LINGER, $linger); close($s);
  }
  print clock_gettime(CLOCK_MONOTONIC) - $start, "\\n";
}`;

/** A program that has said that it is ready. */
async function start(ns: Netns, args: readonly string[]) {
  const child = ns.spawn("perl", { args: ["-e", ...args], stdin: "piped", stdout: "piped", stderr: "inherit" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const writer = child.stdin.getWriter();
  let text = "";
  const line = async (): Promise<string> => {
    for (let end = text.indexOf("\n");; end = text.indexOf("\n")) {
      if (end >= 0) {
        const first = text.slice(0, end);
        text = text.slice(end + 1);
        return first;
      }
      const { value, done } = await reader.read();
      if (done) throw new Error("Cannot measure connections: perl has ended");
      text += value;
    }
  };
  const close = async () => {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await writer.abort().catch(() => {});
  };
  await line();
  return { line, writer, close };
}

/** Answers connections to port 80 of a namespace. */
export async function accepting(ns: Netns): Promise<AsyncDisposable> {
  const { close } = await start(ns, [SERVER]);
  return { [Symbol.asyncDispose]: close };
}

/** Someone who connects. */
export interface Caller extends AsyncDisposable {
  /** Makes so many connections; answers how many that is in a second. */
  readonly call: (count: number) => Promise<number>;
}

/** Starts a client in a namespace that connects to an address and port. */
export async function caller(ns: Netns, address: string, port: number): Promise<Caller> {
  const { line, writer, close } = await start(ns, [CLIENT, address, `${port}`]);
  return {
    call: async (count) => {
      await writer.write(new TextEncoder().encode(`${count}\n`));
      return count / Number(await line());
    },
    [Symbol.asyncDispose]: close,
  };
}
