/** Who may import whom: the table that keeps the world out of the pure rooms. */
import assert from "node:assert/strict";
import { type Import, typescriptFiles, usesOf } from "../support/imports.ts";

/** The files that touch the world: only they and the doors may say `Deno`, only doors and tests may import them. */
const isLayer = (path: string): boolean =>
  /^effects\/(libc\/|kernel\/linux\/|dhcp\/\w*system|lock\/file|log\/file|leases\/directory|\w*system\w*\.ts$)/.test(
    path,
  );

/** The ops, the limits they have, and what they recognise links by: pure. */
const isOp = (path: string): boolean => /^effects\/kernel\/(op|nft|forward|link_identity)\.ts$/.test(path);
/** What the persisted types are made of. */
const isKernelType = (path: string): boolean => /^effects\/kernel\/(op|nft|host)\.ts$/.test(path);
const inRoom = (room: string) => (path: string): boolean => path.startsWith(`${room}/`);
const isService = (path: string): boolean => inRoom("effects")(path) && !isLayer(path);
/** The order of verbs: only the runtime keeps it. */
const isLock = inRoom("effects/lock");
/** All of the engine that a plugin sees. */
const isPluginSide = (path: string): boolean => /^engine\/(plugin|view|act|delegate)\.ts$/.test(path);

/** Errors and constants of the kernel, but not the services that change it. */
const isKernelFact = ({ target, names }: Import): boolean =>
  target === "effects/kernel/host.ts" && !names.some((name) => ["Host", "Kernel", "*"].includes(name));

/** What each room may import from the others. Its own files are always allowed, unless they are layers. */
const MAY_IMPORT: Readonly<Record<string, (to: Import) => boolean>> = {
  spec: () => false,
  machines: ({ target, typeOnly }) => inRoom("spec")(target) || (typeOnly && isKernelType(target)),
  effects: ({ target, typeOnly }) =>
    inRoom("spec")(target) || (typeOnly && /^machines\/(dhcp_)?event\.ts$/.test(target)),
  engine: ({ target, typeOnly }) =>
    inRoom("spec")(target) || inRoom("machines")(target) || (isService(target) && (typeOnly || !isLock(target))),
  plugins: (to) =>
    inRoom("spec")(to.target) || isOp(to.target) || isPluginSide(to.target) || isKernelFact(to) ||
    (to.typeOnly && isService(to.target)),
  runtime: ({ target }) => !isLayer(target) && !inRoom("cli")(target),
  cli: () => true,
};

/** Booting any of these costs a plugin 4 to 21 ms at start-up, or makes it wait for a clock. */
const SLOW_GLOBALS = new Set(["process", "Buffer", "setTimeout", "setInterval", "setImmediate", "console"]);

/** What may use Node's modules: plugins load neither the operator's options nor the library's door. */
const MAY_USE_NODE = new Set(["src/cli/parse_args.ts", "src/cli/library.ts"]);
/** Hides `process` from what is imported after it. */
const MAY_NAME_PROCESS = "src/cli/prelude.ts";

const checkImport = (file: string, room: string, to: Import): string[] => {
  if (!to.ours) {
    if (to.target === "effect") return [`${file} imports the barrel "effect": import effect/<Module>`];
    if (to.target.startsWith("node:") && !MAY_USE_NODE.has(file)) return [`${file} imports ${to.target}`];
    if (to.target === "@std/cli/parse-args" && room !== "cli") return [`${file} imports ${to.target}`];
    return [];
  }
  if (room === "mod.ts" || to.target === "deno.json") return [];
  const own = inRoom(room)(to.target) && !(isLayer(to.target) && !isLayer(file.slice("src/".length)));
  const allowed = own || (MAY_IMPORT[room]?.(to) ?? false);
  return allowed ? [] : [`${file} imports ${to.target}${to.typeOnly ? " (types)" : ""}: not allowed from ${room}`];
};

/** What is wrong with a file of the library, in sentences. */
const faults = (file: string, source: string): string[] => {
  const path = file.replace(/^src\//, "");
  const room = path.split("/")[0] ?? path;
  const { imports, deno, globals } = usesOf(file, source, SLOW_GLOBALS);
  const worldly = room === "cli" || room === "mod.ts" || isLayer(path);
  return [
    ...imports.flatMap((to) => checkImport(file, room, to)),
    ...(worldly ? [] : [...new Set(deno)].map((name) => `${file} uses ${name}: only layers, src/cli and mod.ts may`)),
    ...(file === MAY_NAME_PROCESS ? [] : [...new Set(globals)].map((name) => `${file} uses ${name}`)),
  ];
};

const libraryFiles = (): string[] => {
  const entry = [...Deno.readDirSync(".")].filter(({ name }) => name === "mod.ts").map(({ name }) => name);
  return [...typescriptFiles("src"), ...entry];
};

Deno.test("every import in src and mod.ts is one the table allows, and Deno and slow globals stay in their place", () => {
  const found = libraryFiles().flatMap((file) => faults(file, Deno.readTextFileSync(file)));
  assert.deepEqual(found, []);
});

Deno.test("every folder of src has its row in the table", () => {
  const folders = [...Deno.readDirSync("src")].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assert.deepEqual(folders.sort(), Object.keys(MAY_IMPORT).sort());
});

Deno.test("no TypeScript file is longer than 300 lines", () => {
  const files = ["src", "tests", "tasks", "bench", "examples"].flatMap(typescriptFiles);
  const long = files.map((file) => [file, Deno.readTextFileSync(file).split("\n").length - 1] as const)
    .filter(([, lines]) => lines > 300)
    .map(([file, lines]) => `${file}: ${lines} lines`);
  assert.deepEqual(long, []);
});

Deno.test.each([
  ["src/spec/a.ts", 'import { x } from "../engine/act.ts";'],
  ["src/spec/a.ts", 'export * from "../effects/kernel/op.ts";'],
  ["src/machines/a.ts", 'import { Kernel } from "../effects/kernel/host.ts";'],
  ["src/machines/a.ts", 'import { ops } from "../effects/kernel/op.ts";'],
  ["src/effects/log/memory.ts", 'import { decide } from "../../machines/decide.ts";'],
  ["src/effects/log/memory.ts", 'import { fileStore } from "./file.ts";'],
  ["src/engine/a.ts", 'import { linuxHost } from "../effects/kernel/linux/host.ts";'],
  ["src/engine/a.ts", 'const later = await import("../effects/log/file.ts");'],
  ["src/plugins/a.ts", 'import { runCommand } from "../engine/run_command.ts";'],
  ["src/plugins/a.ts", 'import { ABSENT, Kernel } from "../effects/kernel/host.ts";'],
  ["src/plugins/a.ts", 'import * as host from "../effects/kernel/host.ts";'],
  ["src/plugins/a.ts", 'import { type Finding, attach } from "../runtime/attach.ts";'],
  ["src/runtime/a.ts", 'import { fileStore } from "../effects/log/file.ts";'],
  ["src/runtime/a.ts", 'import { main } from "../cli/main.ts";'],
  ["src/runtime/a.ts", 'import { fileNetworkLock } from "../effects/lock/file.ts";'],
  ["src/engine/a.ts", 'import { NetworkLock } from "../effects/lock/network_lock.ts";'],
  ["src/engine/a.ts", 'import { Effect } from "effect";'],
  ["src/engine/a.ts", 'import * as fs from "node:fs";'],
  ["src/runtime/a.ts", 'import { parseArgs } from "@std/cli/parse-args";'],
  ["src/engine/a.ts", 'Deno.writeTextFileSync("/tmp/x", "");'],
  ["src/plugins/a.ts", 'const dir = Deno.env.get("HOME");'],
  ["src/effects/exec.ts", "setTimeout(() => {}, 10);"],
  ["src/effects/exec.ts", "const me = Deno.execPath();"],
  ["src/cli/main.ts", 'console.log("result");'],
  ["mod.ts", 'import { Effect } from "effect";'],
])("the table refuses, in %s, %s", (file, source) => {
  assert.equal(faults(file, source).length, 1, faults(file, source).join("\n"));
});

Deno.test.each([
  ["src/machines/a.ts", 'import type { Op } from "../effects/kernel/op.ts";'],
  ["src/effects/kernel/linux/netns.ts", 'import { ffi } from "./ffi.ts"; Deno.openSync("/proc/self/ns/net");'],
  ["src/effects/log/store.ts", 'import { type AttachmentEvent } from "../../machines/event.ts";'],
  ["src/engine/a.ts", 'import { Kernel } from "../effects/kernel/host.ts"; import * as Effect from "effect/Effect";'],
  ["src/plugins/a.ts", 'import { perform } from "../engine/act.ts"; import { isIp } from "./shared.ts";'],
  ["src/plugins/a.ts", 'import type { Kernel } from "../effects/kernel/host.ts";'],
  ["src/plugins/a.ts", 'import { MAX_COMMENT_BYTES } from "../effects/kernel/nft.ts";'],
  ["src/plugins/a.ts", 'import { ABSENT, type Link } from "../effects/kernel/host.ts";'],
  ["src/effects/exec_system.ts", 'import { Executables } from "./exec.ts"; Deno.execPath();'],
  ["src/cli/main.ts", 'import { linuxHost } from "../effects/kernel/linux/host.ts"; Deno.exit(0);'],
  ["src/spec/a.ts", 'const said = { process: 1, text: "console.log, Deno.exit(1)" }.process; // process'],
])("the table allows, in %s, %s", (file, source) => {
  assert.deepEqual(faults(file, source), []);
});
