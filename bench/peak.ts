/** How much memory a process has at its peak. */
import type { Netns } from "../tests/support/netns.ts";
import { type Env, execIn } from "../tests/support/plugin_exec.ts";

/**
 * Runs a program with its stdin and says what the largest of it and its children has had, in kilobytes: a process as small as
 * this one must be the parent, for a child's peak begins with its parent's. 98 is getrusage(2), where ru_maxrss is the
 * fifth of the longs; -1 is RUSAGE_CHILDREN.
 */
const MEASURE = `my $usage = "\\0" x 144;
my $child = fork() // die $!;
if ($child == 0) { open(STDOUT, ">", "/dev/null"); exec({ $ARGV[0] } @ARGV) or die $! }
waitpid($child, 0); die "the program has failed: $?" if $?;
syscall(98, -1, $usage); print +(unpack("q18", $usage))[4];`;

/** The peak of a program's resident memory, in megabytes. Null where it cannot be measured: on another architecture. */
export async function peakOf(
  host: Netns,
  argv: readonly string[],
  env: Env,
  stdin: string,
): Promise<number | null> {
  if (Deno.build.arch !== "x86_64") return null;
  const { code, stdout, stderr } = await execIn(host, "/usr/bin/perl", env, stdin, ["-e", MEASURE, ...argv]);
  if (code !== 0) throw new Error(`Cannot measure the memory of "${argv[0]}": ${stderr}`);
  return Number(stdout) / 1024;
}
