import type { Stats } from "node:fs";
import { hostPath, pathUriOf } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { lstat, realPath, stat } from "./file-calls.ts";
import { atPlace, refuseLinks } from "./no-follow.ts";

/** A second look is needed only at links, and not at all at a link for its own sake. */
export const getMetadata: FileSystem["getMetadata"] = (params) =>
  atPlace(params, async (path, noFollow) => {
    const own = await lstat(path);
    const isSymlink = own.isSymbolicLink();
    const stats = isSymlink && !noFollow ? await stat(path) : own;
    return { ...metadataOf(stats), isSymlink };
  });

export const canonicalize: FileSystem["canonicalize"] = async (params) => {
  await refuseLinks(params);
  return { path: pathUriOf(await realPath(hostPath(params.path))) };
};

function metadataOf(stats: Stats) {
  return {
    isDirectory: stats.isDirectory(),
    isFile: stats.isFile(),
    size: stats.size,
    createdAtMs: Math.floor(stats.birthtimeMs),
    modifiedAtMs: Math.floor(stats.mtimeMs),
  };
}
