import type { Stats } from "node:fs";
import type { Result } from "../../../protocol/methods.ts";
import { type HostPath, hostPath, pathUriOf } from "../../../protocol/path-uri.ts";
import type { FileAnswers } from "../../file-system.ts";
import { lstat, realPath, stat } from "./calls/file-calls.ts";
import { atPlace, linkInPath } from "./calls/no-follow.ts";
import { begin, settled } from "./calls/steps.ts";

/** Calls `stat` only for links, and not when links themselves are asked for. */
export const getMetadata: FileAnswers["getMetadata"] = (params) =>
  atPlace(params, (path, noFollow) => begin(metadataAt(path, noFollow)));

function* metadataAt(path: HostPath, noFollow: number) {
  const own = yield* settled(lstat(path));
  const isSymlink = own.isSymbolicLink();
  const stats = isSymlink && !noFollow ? yield* settled(stat(path)) : own;
  return metadataOf(stats, isSymlink);
}

export const canonicalize: FileAnswers["canonicalize"] = async (params) => {
  const path = hostPath(params.path);
  const real = await realPath(path);
  // One call for both: before a second one a link could be put there.
  if (params.followSymlinks === false && real !== path) throw linkInPath();
  return { path: pathUriOf(real) };
};

/**
 * Metadata from `stats` of a path that is a link or not. Built as one object: spreading it into
 * another took as long as the stat call in the kernel.
 */
export function metadataOf(stats: Stats, isSymlink: boolean): Result<"fs/getMetadata"> {
  return {
    isDirectory: stats.isDirectory(),
    isFile: stats.isFile(),
    size: stats.size,
    createdAtMs: Math.floor(stats.birthtimeMs),
    modifiedAtMs: Math.floor(stats.mtimeMs),
    isSymlink,
  };
}
