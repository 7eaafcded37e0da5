/** VERSION of a foreign plugin (CNI spec 1.1.0, section 2, "VERSION"). */
import * as Effect from "effect/Effect";
import { BEFORE_VERSION, parseVersionInfo, VERSION_REQUEST, VERSIONS_BEFORE_VERSION } from "../spec/version_info.ts";
import { runExecutable } from "./foreign.ts";

/** Plugins older than the verb demand the variables of ADD before they say that they do not know it. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  CNI_COMMAND: "VERSION",
  CNI_CONTAINERID: "",
  CNI_NETNS: "dummy",
  CNI_IFNAME: "dummy",
  CNI_ARGS: "",
  CNI_PATH: "dummy",
};

/** The versions that an executable says it speaks, in its order. */
export const askVersions = (plugin: string, file: string) =>
  runExecutable({ plugin, command: "VERSION" }, file, ENVIRONMENT, JSON.stringify(VERSION_REQUEST)).pipe(
    Effect.flatMap((printed) => parseVersionInfo(printed, plugin)),
    Effect.catchTag(
      "DelegateError",
      (error) => error.failure.msg === BEFORE_VERSION ? Effect.succeed(VERSIONS_BEFORE_VERSION) : Effect.fail(error),
    ),
  );
