/** A client that never stops: one socket, one conntrack entry, datagrams without a pause. */
import type { Netns } from "./netns.ts";

/** Answers with its name and what it was asked. */
const SERVER = `use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0", LocalPort => $ARGV[0]) or die $!;
print "ready\\n";
while (defined($s->recv(my $asked, 512))) { $s->send("$ARGV[1] $asked") }`;

/**
 * Own address and port, the address and port asked. Sends every 2 ms; for each "?" on stdin it asks a question of its own
 * and prints who has answered it, "nobody" after a second. A refused send (nobody had the port) is made again.
 */
const CLIENT = `use IO::Socket::INET; use IO::Select; use Time::HiRes qw(time); $| = 1;
my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0], LocalPort => $ARGV[1],
  PeerAddr => $ARGV[2], PeerPort => $ARGV[3]) or die $!;
my ($in, $net, $k) = (IO::Select->new(\\*STDIN), IO::Select->new($s), 0);
print "ready\\n";
for (;;) {
  if (!$in->can_read(0.002)) { $s->send("flow"); next }
  my $c; sysread(STDIN, $c, 1) or exit; next if $c ne "?";
  $k++; my ($who, $end) = ("nobody", time + 1);
  for (1 .. 3) { last if defined $s->send("q$k") }
  while ((my $left = $end - time) > 0) {
    next unless $net->can_read($left); next unless defined $s->recv(my $answer, 512);
    if ($answer =~ /^(\\S+) q$k$/) { $who = $1; last }
  }
  print "$who\\n";
}`;

const spawn = async (ns: Netns, args: readonly (string | number)[]) => {
  const child = ns.spawn("perl", { args: ["-e", ...args.map(String)], stdin: "piped", stdout: "piped" });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const line = async (): Promise<string> => {
    while (!text.includes("\n")) {
      const { value, done } = await lines.read();
      if (done) throw new Error(`perl has ended: ${text}`);
      text += value;
    }
    const end = text.indexOf("\n");
    const first = text.slice(0, end);
    text = text.slice(end + 1);
    return first;
  };
  await line();
  const writer = child.stdin.getWriter();
  const close = async () => {
    child.kill("SIGKILL");
    await child.status;
    await lines.cancel();
    await writer.abort().catch(() => {});
  };
  return { line, writer, close };
};

/** Answers every datagram to `port` with `name` and what was asked. */
export const echo = async (ns: Netns, port: number, name: string): Promise<AsyncDisposable> => {
  const { close } = await spawn(ns, [SERVER, port, name]);
  return { [Symbol.asyncDispose]: close };
};

/** A running client. */
export interface Flow extends AsyncDisposable {
  /** Who answers the next datagram of the flow; "nobody" after a second. */
  readonly who: () => Promise<string>;
}

/** Starts a client from a fixed address and port, which sends until it is disposed of. */
export const flow = async (
  ns: Netns,
  from: readonly [string, number],
  to: readonly [string, number],
): Promise<Flow> => {
  const { line, writer, close } = await spawn(ns, [CLIENT, ...from, ...to]);
  return {
    who: async () => {
      await writer.write(new TextEncoder().encode("?"));
      return await line();
    },
    [Symbol.asyncDispose]: close,
  };
};
