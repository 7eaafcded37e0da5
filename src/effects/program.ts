/** The version of this program. */
import config from "../../deno.json" with { type: "json" };

/** As deno.json says. */
export const VERSION: string = config.version;

/** How the second line of a launcher of this version ends, and how the program calls itself. */
export const LAUNCHER_TITLE = `Cleat ${VERSION}`;
