import { accessSync, constants, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { globMatchesMax, globScanEntriesMax } from "../../limits.ts";
import { internalError, type RpcError } from "../../protocol/errors.ts";
import { type HostPath, joinPath, nodePath, shownPath } from "../../protocol/path-uri.ts";
import { diskCall } from "../../system/disk-call.ts";
import { escapedGlob, globExpression, splitGlob } from "./glob.ts";

export interface Match {
  readonly path: HostPath;
  readonly isDirectory: boolean;
}

/**
 * Existing paths that `patterns` match, sorted. The bases must have no links. Does not descend into
 * a match, nor below `depth` levels if given. Throws when a directory cannot be scanned, because an
 * unknown match would be readable.
 */
export async function scanGlobs(
  patterns: readonly string[],
  depth: number | undefined,
): Promise<Match[]> {
  const scan: Scan = { entries: 0, matches: new Map() };
  for (const pattern of patterns) {
    const { base, names } = splitGlob(pattern);
    const levels = { ...levelsOf(base, names), expression: globExpression(pattern), scan };
    await visit(base, 1, { ...levels, deepest: Math.min(levels.deepest, depth ?? Infinity) });
  }
  return [...scan.matches.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Scan {
  entries: number;
  readonly matches: Map<HostPath, Match>;
}

interface Visit {
  readonly expression: RegExp;
  /** Expressions for the directories that lead to a match, by level; they end at a `**`. */
  readonly ways: readonly RegExp[];
  readonly deepest: number;
  readonly scan: Scan;
}

function levelsOf(base: HostPath, names: readonly string[]): Pick<Visit, "ways" | "deepest"> {
  const crossing = names.findIndex((name) => name.includes("**"));
  const start = base === "/" ? "" : escapedGlob(base);
  const single = names.slice(0, crossing < 0 ? names.length : crossing);
  const ways = single.map((_, at) => globExpression([start, ...single.slice(0, at + 1)].join("/")));
  return { ways, deepest: crossing < 0 ? names.length : Infinity };
}

/** Links are skipped: their targets have paths of their own, which may match. */
async function visit(directory: HostPath, level: number, way: Visit): Promise<void> {
  const { expression, ways, deepest, scan } = way;
  for (const entry of await entriesOf(directory)) {
    if (++scan.entries > globScanEntriesMax)
      throw tooMany(`look through ${globScanEntriesMax} files`);
    if (entry.isSymbolicLink()) continue;
    const path = joinPath(directory, entry.name);
    const isDirectory = entry.isDirectory();
    if (expression.test(path)) scan.matches.set(path, { path, isDirectory });
    else if (isDirectory && level < deepest && (ways[level - 1]?.test(path) ?? true)) {
      await visit(path, level + 1, way);
    }
  }
  if (scan.matches.size > globMatchesMax) throw tooMany(`mask ${globMatchesMax} files`);
}

async function entriesOf(directory: HostPath) {
  const place = nodePath(directory);
  // Always on a thread, because a directory may be large.
  const list = () => readdir(place, { withFileTypes: true, encoding: "latin1" });
  try {
    return await diskCall(place, list, list);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? `${error.code}` : `${error}`;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    if (code === "EACCES" && isClosed(directory)) return [];
    throw unenforceable(`\`${shownPath(directory)}\` cannot be listed (${code})`, "exclude it");
  }
}

/**
 * Whether no process with this server's rights can reach the entries of a directory, or grant
 * itself the right to. One that merely cannot be listed may still give files by known names.
 */
function isClosed(directory: HostPath): boolean {
  if (statSync(nodePath(directory)).uid === process.geteuid?.()) return false;
  try {
    accessSync(nodePath(directory), constants.X_OK);
    return false;
  } catch {
    // The directory cannot be searched.
    return true;
  }
}

function tooMany(what: string): RpcError {
  return unenforceable(`they would have to ${what}`, "set glob_scan_max_depth");
}

function unenforceable(why: string, fix: string): RpcError {
  return internalError(
    `cannot enforce the deny patterns of this sandbox: ${why}; name directories instead, or ${fix}`,
  );
}
