/** Puts tables into docs/performance.md, between the markers of each section. */

/** What begins and ends a section's place. */
const begin = (id: string): string => `<!-- bench ${id} -->`;
const END = "<!-- bench end -->";

/** The page with these lines in the section's place. Throws where the page has no such place. */
export function fillIn(page: string, id: string, lines: readonly string[]): string {
  const start = page.indexOf(begin(id));
  const end = page.indexOf(END, start);
  if (start < 0 || end < 0) {
    throw new Error(`Cannot write the table "${id}": the page has no "${begin(id)}" before "${END}"`);
  }
  return [page.slice(0, start) + begin(id), "", ...lines, "", page.slice(end)].join("\n");
}
