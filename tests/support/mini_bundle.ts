/** A bundle of a few lines, to test installing and launching without waiting for the real one. */

/** Says what it was started with; `answer` tells one bundle from another; reads a chunk after stdin has ended. */
const mainOf = (answer: string): string => `
const [name, ...args] = Deno.args, answer = ${JSON.stringify(answer)};
if (args[0] === "--warm") {
  await import("./chunk-${answer}.js");
} else if (Deno.env.get("CNI_COMMAND") === "VERSION") {
  console.log(JSON.stringify({ supportedVersions: ["1.1.0"], name, args, answer }));
} else {
  await new Response(Deno.stdin.readable).text();
  console.log((await import("./chunk-${answer}.js")).answer);
}
`;

/** Writes the bundle into a new folder below `parent` and returns its path. */
export function miniBundle(parent: string, answer: string): string {
  const folder = Deno.makeTempDirSync({ dir: parent });
  Deno.writeTextFileSync(`${folder}/main.js`, mainOf(answer));
  Deno.writeTextFileSync(`${folder}/chunk-${answer}.js`, `export const answer = ${JSON.stringify(answer)};`);
  return folder;
}
