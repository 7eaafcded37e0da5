/** Launchers: the small shell scripts that a runtime executes as plugins. */

/** How every script of a release is run. Warm-up runs must use the same flags, or V8 rejects the cached code. */
export const runFlags: readonly string[] = [
  "run",
  "-A",
  "--no-config",
  "--no-lock",
  "--no-npm",
  "--no-remote",
  // The code cache then holds every function: 3 ms less. What is made at the start lives until the end: 2 ms less without
  // copying it out of a small new space.
  "--v8-flags=--no-lazy,--min-semi-space-size=16",
];

/** Variables of a caller that would change how Deno starts, or make it write files. */
const unwelcome = [
  "DENO_AUDIT_PERMISSIONS",
  "DENO_AUTO_SERVE",
  "DENO_CACHE_DB_MODE",
  "DENO_CACHE_LSC_ENDPOINT",
  "DENO_CERT",
  "DENO_COMPAT",
  "DENO_CONDITIONS",
  "DENO_COVERAGE_DIR",
  "DENO_EMIT_CACHE_MODE",
  "DENO_EXTRA_STDIO_FDS",
  "DENO_INTERNAL_CHILD_ENTRYPOINT",
  "DENO_LOG",
  "DENO_PERMISSION_BROKER_PATH",
  "DENO_SERVE_ADDRESS",
  "DENO_TLS_CA_STORE",
  "DENO_TOKIO_EVENT_INTERVAL",
  "DENO_TOKIO_MAX_IO_EVENTS_PER_TICK",
  "DENO_TRACE_PERMISSIONS",
  "DENO_UNSTABLE_CONTROL_SOCK",
  "DENO_V8_FLAGS",
  "NODE_CHANNEL_FD",
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
  "NODE_V8_COVERAGE",
  "OTEL_DENO",
  "OTEL_DENO_CONSOLE",
  "RUST_LOG",
];

/** One installed build. Its folder is `lib/cleat/<id>`, and is never written to once it is in use. */
export interface Release {
  readonly id: string;
  readonly version: string;
  /** Name of the Deno executable in `lib/cleat`. */
  readonly runtime: string;
}

/** The folder of the compilation caches of a release. */
export const cacheOf = (releaseFolder: string): string => `${releaseFolder}/cache`;

/** What Deno must find in its environment: its caches; no look for updates, no `node` command for child processes. */
export const environment = (releaseFolder: string): Readonly<Record<string, string>> => ({
  DENO_DIR: cacheOf(releaseFolder),
  DENO_NO_UPDATE_CHECK: "1",
  DENO_DISABLE_NODE_SHIM: "1",
});

/**
 * The script that is installed as `bin/<name>`. It finds `lib/cleat` beside its own folder with nothing but the shell,
 * and asks `readlink` only when it was reached through a symbolic link or a path without a folder. It names its
 * release, so that a launcher always meets the files it was built with.
 */
export const launcher = (name: string, release: Release): string =>
  `#!/bin/sh
# ${name}, Cleat ${release.version}
root=\${0%/*} root=\${root%/*}
lib=$root/lib/cleat/${release.id}
if ! [ -f "$lib/main.js" ]; then
  root=$(readlink -f "$0") root=\${root%/*} root=\${root%/*}
  lib=$root/lib/cleat/${release.id}
fi
if ! [ -f "$lib/main.js" ]; then
  echo '{"cniVersion":"1.0.0","code":100,"msg":"Cannot start ${name}: lib/cleat/${release.id} is not beside it"}'
  exit 1
fi
unset ${unwelcome.join(" ")}
export ${Object.entries(environment("$lib")).map(([key, value]) => `${key}="${value}"`).join(" ")}
exec "$root/lib/cleat/${release.runtime}" ${runFlags.join(" ")} "$lib/main.js" ${name} "$@"
`;

/** The release that a launcher names, or null when the text is not a launcher of ours. */
export const releaseOf = (script: string): string | null =>
  /^lib=\$root\/lib\/cleat\/(\S+)$/m.exec(script)?.[1] ?? null;
