import { readdir } from "node:fs/promises";
import { globDepthDefault, globMatchesMax, globScanEntriesMax } from "../limits.ts";
import { internalError } from "../protocol/errors.ts";
import { type HostPath, joinPath, nodePath } from "../protocol/path-uri.ts";
import { globBase, globExpression } from "./glob.ts";

export interface Match {
  readonly path: HostPath;
  readonly isDirectory: boolean;
}

/** Existing paths that `patterns` match, sorted. What lies below a match is not looked at. */
export async function scanGlobs(
  patterns: readonly string[],
  depth = globDepthDefault,
): Promise<Match[]> {
  const scan: Scan = { entries: 0, matches: new Map() };
  for (const pattern of patterns) {
    const expression = globExpression(pattern);
    await visit(globBase(pattern) as HostPath, { expression, depth, scan });
  }
  return [...scan.matches.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Scan {
  entries: number;
  readonly matches: Map<HostPath, Match>;
}

interface Visit {
  readonly expression: RegExp;
  readonly depth: number;
  readonly scan: Scan;
}

/** Links neither match nor lead on: what they lead to has its own path, which may match. */
async function visit(directory: HostPath, { expression, depth, scan }: Visit): Promise<void> {
  for (const entry of await entriesOf(directory)) {
    if (++scan.entries > globScanEntriesMax)
      throw tooMany(`look through ${globScanEntriesMax} files`);
    if (entry.isSymbolicLink()) continue;
    const path = joinPath(directory, entry.name);
    const isDirectory = entry.isDirectory();
    if (expression.test(path)) scan.matches.set(path, { path, isDirectory });
    else if (isDirectory && depth > 1) {
      await visit(path, { expression, depth: depth - 1, scan });
    }
  }
  if (scan.matches.size > globMatchesMax) throw tooMany(`mask ${globMatchesMax} files`);
}

/**
 * What this server cannot list, the confined work, which has no more rights, cannot list either.
 */
async function entriesOf(directory: HostPath) {
  try {
    return await readdir(nodePath(directory), { withFileTypes: true, encoding: "latin1" });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return [];
    throw error;
  }
}

function tooMany(what: string) {
  return internalError(
    `cannot enforce the deny patterns of this sandbox: they would have to ${what}; ` +
      "name directories instead, or set glob_scan_max_depth",
  );
}
