import { posix } from "node:path";
import type { Sources, Violation } from "./architecture-sources.ts";
import { lineAt } from "./architecture-text.ts";

const exported = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;

/** What it exports is for the users of the package. */
const library = "src/client/library.ts";

/** The same sources as a folder above sees them. */
export const inFolder = (folder: string, sources: Sources): Sources =>
  new Map(
    Array.from(sources.values(), (source) => {
      const path = posix.join(folder, source.path);
      const imports = source.imports.map((imported) => ({
        ...imported,
        target: imported.target && posix.join(folder, imported.target),
      }));
      return [path, { ...source, path, imports }];
    }),
  );

/** Who changes what a file keeps to itself need not look at any other one. */
export function checkExports(sources: Sources): Violation[] {
  const all = [...sources.values()];
  return all.flatMap(({ path, code }) => {
    if (path === library) return [];
    const users = all.filter(({ imports }) => imports.some(({ target }) => target === path));
    const isUsed = (name: string) => users.some((user) => mentions(user.code, name));
    return [...code.matchAll(exported)]
      .filter(([, name = ""]) => !isUsed(name))
      .map(({ 1: name, index }) => {
        return `${path}:${lineAt(code, index)}: exports ${name}, which no other file uses`;
      });
  });
}

const mentions = (code: string, name: string) => new RegExp(`\\b${name}\\b`).test(code);
