import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import { lineAt, mask } from "./architecture-text.ts";

/** One `import`, `export … from`, `import()` or `require()`. */
export interface Import {
  readonly line: number;
  /** As written; undefined when it is computed. */
  readonly specifier: string | undefined;
  /**
   * The imported source, relative to the folder, or undefined for a package or a module of Node.
   */
  readonly target: string | undefined;
  /** Gone at run time. */
  readonly isType: boolean;
}

export interface Source {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
  readonly imports: readonly Import[];
}

export type Sources = ReadonlyMap<string, Source>;

/** What is wrong, in which file, and what to do. */
export type Violation = string;

/** Reads every .ts file below a folder. */
export function readSources(folder: string): Sources {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .sort();
  return new Map(paths.map((path) => [path, readSource(folder, path)]));
}

function readSource(folder: string, path: string): Source {
  const text = readFileSync(join(folder, path), "utf8");
  const { code, uncommented } = mask(text);
  return { path, text, code, imports: importsOf(path, code, uncommented) };
}

const staticImport =
  /^[ \t]*(?:import|export)\s+(type\s+)?(?:[\w$*{][^"';]*?\sfrom\s*)?(["'])([^"']+)\2/gm;
const dynamicImport = /\b(?:import|require)\s*\(\s*(?:(["'])([^"']*)\1)?/g;
const typeOfImport = /\btypeof\s*$/;

function importsOf(path: string, code: string, uncommented: string): Import[] {
  const at = (match: RegExpExecArray, specifier: string | undefined, isType: boolean): Import => ({
    line: lineAt(uncommented, match.index + leadingSpace(match[0])),
    specifier,
    target: specifier?.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined,
    isType,
  });
  const statics = [...uncommented.matchAll(staticImport)].map((match) =>
    at(match, match[3], match[1] !== undefined),
  );
  const dynamics = [...uncommented.matchAll(dynamicImport)]
    .filter((match) => isCode(code, match))
    .map((match) => at(match, match[2], typeOfImport.test(code.slice(0, match.index))));
  return [...statics, ...dynamics];
}

const leadingSpace = (text: string) => text.length - text.trimStart().length;

/** Not a word inside a string, and not the method of an object. */
function isCode(code: string, { index }: RegExpExecArray): boolean {
  return code.charAt(index).trim() !== "" && code.charAt(index - 1) !== ".";
}

/** The name of the package that an import loads; undefined for sources and modules of Node. */
export function packageOf({ specifier }: Import): string | undefined {
  if (specifier === undefined || specifier.startsWith(".") || isBuiltin(specifier))
    return undefined;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

const isBuiltin = (specifier: string) =>
  specifier.startsWith("node:") || builtinModules.includes(specifier);

/** Every file that can be reached from the given ones, with the file that first led to it. */
export function reach(
  sources: Sources,
  entries: readonly string[],
  follows: (imported: Import) => boolean,
): ReadonlyMap<string, string | undefined> {
  const reached = new Map<string, string | undefined>(entries.map((entry) => [entry, undefined]));
  // A map goes on to what is added to it while it is walked.
  for (const path of reached.keys()) {
    for (const imported of (sources.get(path)?.imports ?? []).filter(follows)) {
      if (imported.target && !reached.has(imported.target)) reached.set(imported.target, path);
    }
  }
  return reached;
}
