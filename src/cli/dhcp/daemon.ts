/** The door of the DHCP daemon: its socket, its files, its end. */
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { LeaseBook } from "../../effects/dhcp/book.ts";
import { bookIn } from "../../effects/dhcp/book_system.ts";
import { acceptAll, handedOver, listenOn } from "../../effects/dhcp/listen_system.ts";
import { steadyClock } from "../../effects/dhcp/steady_clock_system.ts";
import { systemWire } from "../../effects/dhcp/wire_system.ts";
import { VERSION } from "../../effects/program.ts";
import { systemOrigin } from "../../effects/system.ts";
import { notice, Notices } from "../../engine/notice.ts";
import { Keeper, type KeeperNeeds } from "../../runtime/dhcp/keeper.ts";
import { serve } from "../../runtime/dhcp/serve.ts";
import { printable } from "../../spec/printable.ts";
import { stateDir } from "../layers.ts";
import { ExitCode } from "../operator/command.ts";
import { untilSignalled } from "../signals.ts";
import { writeErr, writeOut } from "../stdio.ts";
import { type DaemonFlags, FlagError, parseFlags, USAGE } from "./flags.ts";

const PIDFILE_MODE = 0o644;

/** Runs the daemon with the words behind `daemon` until it is told to end; answers the exit code. */
export async function runDaemon(words: readonly string[]): Promise<number> {
  let flags: DaemonFlags | null;
  try {
    flags = parseFlags(words);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    writeErr(`${error.message}\n\n${USAGE}`);
    return ExitCode.USAGE;
  }
  if (flags === null) {
    writeOut(USAGE);
    return ExitCode.OK;
  }
  return await runWith(flags);
}

async function runWith(flags: DaemonFlags): Promise<number> {
  const exit = await untilSignalled((signal) => Effect.runPromiseExit(whole(flags), { signal }));
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return ExitCode.OK;
  const error = Cause.squash(exit.cause);
  writeErr(printable(error instanceof Error ? error.message : String(error)));
  return ExitCode.FAILED;
}

const whole = (flags: DaemonFlags) => {
  const state = stateDir((name) => Deno.env.get(name), Deno.uid());
  const layer: Layer.Layer<KeeperNeeds> = Layer.mergeAll(
    systemWire({ hostPrefix: flags.hostprefix }),
    Layer.succeed(LeaseBook)(bookIn(state)),
    systemOrigin(VERSION),
  );
  return Effect.scoped(daemon(flags)).pipe(
    Effect.provide(layer),
    Effect.provideService(Clock.Clock, steadyClock()),
    Effect.provideService(Notices, (sentence) => writeErr(printable(sentence))),
  );
};

const daemon = (flags: DaemonFlags) =>
  Effect.gen(function* () {
    const path = `${flags.hostprefix}${flags.socketpath}`;
    const listener = yield* socketAt(path);
    yield* withPidfile(flags.pidfile);
    const keeper = new Keeper(yield* Scope.Scope, {
      timeoutMs: flags.timeout,
      resendMaxMs: flags.resendmax,
      resendTimeoutMs: flags.resendtimeout,
      broadcast: flags.broadcast,
    }, path);
    yield* keeper.resume;
    yield* notice(`The DHCP daemon listens on "${path}"`);
    return yield* acceptAll(listener, (connection) =>
      Effect.catch(serve(keeper, connection), ({ detail }) => notice(`A caller has failed: ${detail}`)));
  });

const failed = (what: string, path: string) => (cause: unknown): Error =>
  new Error(`Cannot ${what} "${path}": ${cause instanceof Error ? cause.message : cause}`);

const removeQuietly = (path: string) =>
  Effect.sync(() => {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) writeErr(printable(`Cannot remove "${path}": ${error}`));
    }
  });

/**
 * Written before anybody is answered, and without a line feed, as Go's daemon writes it; but not before the socket is ours,
 * since it may be the file of another daemon.
 */
const withPidfile = (path: string) => {
  if (path === "") return Effect.void;
  const write = Effect.try({
    try: () => Deno.writeTextFileSync(path, `${Deno.pid}`, { mode: PIDFILE_MODE }),
    catch: failed("write the pid to", path),
  });
  return Effect.acquireRelease(write, () => removeQuietly(path));
};

/** The socket that was handed over, which stays, or one of our own, whose file goes with the daemon. */
const socketAt = (path: string) =>
  Effect.gen(function* () {
    const attempt = <A>(run: () => A) => Effect.try({ try: run, catch: failed("listen on", path) });
    const given = yield* attempt(() => handedOver((name) => Deno.env.get(name), Deno.pid));
    if (given !== null) return given;
    const own = yield* Effect.acquireRelease(attempt(() => listenOn(path)), ({ remove }) => Effect.sync(remove));
    return own.fd;
  });
