/** Datagrams between namespaces, with what every Debian has: Deno's own need a flag. */
import type { Netns } from "./netns.ts";

const SERVER = `use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0", LocalPort => $ARGV[0]) or die $!;
print "ready\\n";
while (defined($s->recv(my $asked, 512))) { $s->send($ARGV[1]) }`;

/** `$ARGV`: own address and port, the address and port asked. Waits 2 s for an answer. */
const CLIENT = `use IO::Socket::INET; alarm 2;
my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0], LocalPort => $ARGV[1],
  PeerAddr => $ARGV[2], PeerPort => $ARGV[3]) or die $!;
$s->send("?"); $s->recv(my $answer, 512); print $answer;`;

/** Answers every datagram to `port` with `name`. */
export const answer = async (ns: Netns, port: number, name: string): Promise<AsyncDisposable> => {
  const child = ns.spawn("perl", { args: ["-e", SERVER, `${port}`, name], stdin: "null", stdout: "piped" });
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
};

/** Asks once, from a fixed address and port, so that all questions belong to one conntrack entry; "" for no answer. */
export const ask = async (
  ns: Netns,
  from: readonly [string, number],
  to: readonly [string, number],
): Promise<string> => {
  const args = ["-e", CLIENT, ...from, ...to].map(String);
  const { stdout } = await ns.spawn("perl", { args, stdin: "null", stdout: "piped", stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
};
