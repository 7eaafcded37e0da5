/** Reads what a source file imports and which globals it uses, from its syntax tree. Works under `deno test` only. */

/** One import of a file. `target` is the path below src/ for our own files, else the specifier as written. */
export interface Import {
  readonly target: string;
  readonly ours: boolean;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
  /** The exports it names; "*" for all of them. */
  readonly names: readonly string[];
}

/** What a file asks of the world around it. */
export interface Uses {
  readonly imports: readonly Import[];
  /** Members read from the global `Deno`, such as "Deno.openSync". */
  readonly deno: readonly string[];
  /** Other globals from `watched` that it names. */
  readonly globals: readonly string[];
}

const resolve = (file: string, specifier: string, typeOnly: boolean, names: readonly string[]): Import => {
  if (!specifier.startsWith(".")) return { target: specifier, ours: false, typeOnly, names };
  const path = new URL(specifier, `file:///${file}`).pathname.slice(1);
  return { target: path.replace(/^src\//, ""), ours: true, typeOnly, names };
};

const allTypes = (kind: "type" | "value", parts: readonly { readonly type: string }[]): boolean =>
  kind === "type" || (parts.length > 0 && parts.every((part) => "importKind" in part && part.importKind === "type"));

/** Whether an identifier stands for a variable, not for the name of a member. */
const isValue = (id: Deno.lint.Identifier): boolean => {
  const parent: Deno.lint.Node = id.parent;
  if (parent.type === "MemberExpression") return parent.object === id || parent.computed;
  if (parent.type === "Property") return parent.value === id || parent.computed;
  return !parent.type.startsWith("TSProperty");
};

type Specifier = Deno.lint.ImportDeclaration["specifiers"][number];

const importedName = (specifier: Specifier): string => {
  if (specifier.type !== "ImportSpecifier") return specifier.type === "ImportDefaultSpecifier" ? "default" : "*";
  return specifier.imported.type === "Identifier" ? specifier.imported.name : "*";
};

/** Parses `source` as `file` (a path from the root of the project) and reports its imports and globals. */
export function usesOf(file: string, source: string, watched: ReadonlySet<string> = new Set()): Uses {
  const imports: Import[] = [], deno: string[] = [], globals: string[] = [];
  const add = (specifier: string, typeOnly: boolean, names: readonly string[] = ["*"]) =>
    void imports.push(resolve(file, specifier, typeOnly, names));
  const visitor: Deno.lint.LintVisitor = {
    ImportDeclaration: (node) =>
      add(node.source.value, allTypes(node.importKind, node.specifiers), node.specifiers.map(importedName)),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === "type"),
    ExportNamedDeclaration: (node) => {
      if (node.source) add(node.source.value, node.exportKind === "type");
    },
    ImportExpression: (node) => {
      if (node.source.type === "Literal") add(String(node.source.value), false);
    },
    MemberExpression: (node) => {
      if (node.object.type !== "Identifier" || node.object.name !== "Deno") return;
      deno.push(`Deno.${node.property.type === "Identifier" ? node.property.name : "?"}`);
    },
    Identifier: (node) => {
      if (watched.has(node.name) && isValue(node)) globals.push(node.name);
    },
  };
  Deno.lint.runPlugin({ name: "uses", rules: { all: { create: () => visitor } } }, file, source);
  return { imports, deno, globals };
}

/** All TypeScript files below `folder` (a path from the root of the project), sorted. */
export function typescriptFiles(folder: string): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...typescriptFiles(path));
    else if (entry.name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}
