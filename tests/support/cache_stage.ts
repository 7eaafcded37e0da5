/** A network of one plugin that writes down how it is run, between Cleat and Go's libcni, which share a result cache. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { type Attachment, layer, loadList, type NetworkList, type Services } from "../../mod.ts";
import { isJsonObject, type JsonObject } from "../../src/spec/json.ts";
import { can, unless } from "./capabilities.ts";
import { builtLibcni, type GoLibcni, installedLibcni } from "./libcni.ts";
import { type Netns, newNetns } from "./netns.ts";

/** A test with a release of Go's libcni. */
export const withGo = (name: string, { missing }: GoLibcni = installedLibcni) =>
  unless(can.netns && missing === null, name, missing ?? "no netns");

/** What the attachment is given. */
export const CAPABILITY_ARGS = { mac: "02:00:00:00:00:77", ips: ["10.9.0.7/24"] };
export const ARGS = [["K", "v"], ["L", "w"]] as const;
export const CHILD = "c1-x.y";

/** What the plugin prints. */
export const resultOf = (cniVersion: string): JsonObject =>
  cniVersion < "0.3.0"
    ? { cniVersion, ip4: { ip: "10.9.0.7/24", gateway: "10.9.0.1" }, dns: { nameservers: ["10.9.0.1"] } }
    : {
      cniVersion,
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:77", sandbox: "/x" }],
      ips: [{ ...(cniVersion < "1.0.0" ? { version: "4" } : {}), address: "10.9.0.7/24", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.9.0.1" }],
      dns: { nameservers: ["10.9.0.1"] },
    };

/** A plugin that writes down how it is run and prints a fixed result, a network with it, and a cache. */
export class Stage implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly cacheDir = `${this.folder}/cache`;
  readonly entry = `${this.cacheDir}/results/lab-${CHILD}-eth0`;
  readonly netns: Netns = newNetns();
  readonly attachment: Attachment = {
    containerId: CHILD,
    netns: this.netns.path,
    ifName: "eth0",
    args: ARGS,
    capabilityArgs: CAPABILITY_ARGS,
    cniPath: `${this.folder}/bin`,
    cacheDir: this.cacheDir,
  };

  readonly #library: GoLibcni;

  constructor(version: string, library: GoLibcni = installedLibcni) {
    this.#library = library;
    Deno.mkdirSync(`${this.folder}/bin`);
    Deno.writeTextFileSync(`${this.folder}/result`, JSON.stringify(resultOf(version)));
    const script = `#!/bin/sh
{ printf '%s ' "$CNI_COMMAND"; tr -d '\\n'; echo; } >>${this.folder}/runs
[ "$CNI_COMMAND" = ADD ] && cat ${this.folder}/result
exit 0
`;
    Deno.writeTextFileSync(`${this.folder}/bin/noop`, script, { mode: 0o755 });
    this.writeList(version);
  }

  /** Spaces and an unknown key, so that a text that was parsed and written again would show. */
  writeList(cniVersion: string): void {
    const plugins = `[ {"type": "noop", "capabilities": {"mac": true}} ]`;
    const text = `{ "cniVersion": "${cniVersion}",\n  "name": "lab", "purpose": "tests", "plugins": ${plugins} }\n`;
    Deno.writeTextFileSync(`${this.folder}/lab.conflist`, text);
  }

  run<A, E>(program: Effect.Effect<A, E, Services>): Promise<A> {
    return Effect.runPromise(Effect.provide(program, layer({ stateDir: `${this.folder}/state` })));
  }

  list(): Promise<NetworkList> {
    return this.run(loadList(`${this.folder}/lab.conflist`));
  }

  /** Runs a verb of Go's libcni; answers what it prints. */
  async libcni(verb: string): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(await builtLibcni(this.#library), {
      args: [verb, `${this.folder}/lab.conflist`, this.cacheDir, CHILD, this.netns.path, "eth0"],
      env: {
        CNI_PATH: `${this.folder}/bin`,
        VALID_ATTACHMENTS: "[]",
        CAP_ARGS: JSON.stringify(CAPABILITY_ARGS),
        CNI_ARGS: ARGS.map(([name, value]) => `${name}=${value}`).join(";"),
      },
    }).output();
    assert.equal(code, 0, `${verb}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }

  /** The plugin's runs since the last call: the verb and the previous result of each. */
  runs(): readonly (readonly [string, unknown])[] {
    const lines = Deno.readTextFileSync(`${this.folder}/runs`).trimEnd().split("\n");
    Deno.removeSync(`${this.folder}/runs`);
    return lines.map((line) => {
      const [verb = "", ...config] = line.split(" ");
      return [verb, JSON.parse(config.join(" ")).prevResult] as const;
    });
  }

  readEntry(): JsonObject {
    const entry: unknown = JSON.parse(Deno.readTextFileSync(this.entry));
    assert.ok(isJsonObject(entry));
    return entry;
  }

  isGone(): void {
    assert.deepEqual([...Deno.readDirSync(`${this.cacheDir}/results`)], []);
  }

  [Symbol.dispose](): void {
    this.netns[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}
