/** Resolves paths without failing for those that are missing or out of reach. */
import type { Buffer } from "node:buffer";
import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { linksFollowedMax, placeLooksMax } from "../../limits.ts";
import { type HostPath, joinPath, nodePath, splitPath } from "../../protocol/path-uri.ts";
import { diskCall } from "../../system/disk-call.ts";
import { WorldChangedError } from "./world-changed-error.ts";

/** A symbolic link in the resolution of a path. */
export interface Link {
  readonly at: HostPath;
  readonly target: HostPath;
}

/** The real path; undefined when the path does not exist or is out of reach. */
export async function existingPath(path: HostPath): Promise<HostPath | undefined> {
  const real = await existing(
    path,
    () => realPathNow(nodePath(path)),
    () => realPathLater(nodePath(path)),
  );
  return real as HostPath | undefined;
}

/**
 * Checks for existence first: most protected paths are missing, and an error costs as much as ten
 * calls of lstat.
 */
function realPathNow(path: string | Buffer): string | undefined {
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere ? realpathSync.native(path, "latin1") : undefined;
}

/** Also calls lstat, because some file systems show other users names that cannot be looked up. */
async function realPathLater(path: string | Buffer): Promise<string> {
  const [real] = await Promise.all([realpath(path, "latin1"), lstat(path)]);
  return real;
}

/**
 * The real path, or what it would be if its missing components were created. `existing` is the real
 * path of the deepest ancestor that exists.
 */
export async function locate(path: HostPath): Promise<{ real: HostPath; existing: HostPath }> {
  const found = await existingPath(path);
  if (found !== undefined) return { real: found, existing: found };
  const { parent, name } = splitPath(path);
  const above = await locate(parent);
  const real = joinPath(above.real, name);
  const unresolved = { real, existing: above.existing };
  if (above.real !== above.existing || (await linkTarget(real)) === undefined) return unresolved;
  // A dangling link: creating its target would create this path.
  const { links, end } = await wayTo(real);
  return links.length < linksFollowedMax ? locate(end) : unresolved;
}

/**
 * The same, with every link in the resolution. If a link came or went between two calls, its target
 * would be taken for the path itself, so both ways of resolving must agree. Throws when the path
 * keeps changing.
 */
export async function locateByLinks(path: HostPath) {
  for (let looks = 0; looks < placeLooksMax; looks++) {
    const found = await locate(path);
    if (found.real === path) return { ...found, links: [] };
    const { links, end } = await wayTo(path);
    if (end === found.real || links.length === linksFollowedMax) return { ...found, links };
  }
  throw new WorldChangedError();
}

/** Every link in the resolution of a path. */
export async function linksOn(path: HostPath): Promise<Link[]> {
  return (await wayTo(path)).links;
}

/**
 * Resolves a path component by component and lists every link. Missing components at the end stay
 * as named.
 */
async function wayTo(path: HostPath): Promise<{ links: Link[]; end: HostPath }> {
  const links: Link[] = [];
  let done = "/" as HostPath;
  let ahead = path.split("/").filter(Boolean);
  while (ahead.length > 0 && links.length < linksFollowedMax) {
    const [name = "", ...rest] = ahead;
    if (name === "." || name === "..") {
      done = name === "." ? done : splitPath(done).parent;
      ahead = rest;
      continue;
    }
    const at = joinPath(done, name);
    const target = await linkTarget(at);
    if (target === undefined) {
      done = at;
      ahead = rest;
      continue;
    }
    links.push({ at, target });
    if (target.startsWith("/")) done = "/" as HostPath;
    ahead = [...target.split("/").filter(Boolean), ...rest];
  }
  return { links, end: done };
}

async function linkTarget(path: HostPath): Promise<HostPath | undefined> {
  const stats = await lstatAt(path);
  if (!stats?.isSymbolicLink()) return undefined;
  const target = await existing(
    path,
    () => readlinkSync(nodePath(path), "latin1"),
    () => readlink(nodePath(path), "latin1"),
  );
  return target as HostPath | undefined;
}

/** Undefined for a path that is absent or out of reach: to a sandbox they are the same. */
async function existing<T>(
  path: HostPath,
  now: () => T | undefined,
  later: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await diskCall(nodePath(path), now, later);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

export const lstatAt = (path: HostPath) =>
  existing(
    path,
    () => lstatSync(nodePath(path), { bigint: true, throwIfNoEntry: false }),
    () => lstat(nodePath(path), { bigint: true }),
  );

export const statAt = (path: HostPath) =>
  existing(
    path,
    () => statSync(nodePath(path), { bigint: true, throwIfNoEntry: false }),
    () => stat(nodePath(path), { bigint: true }),
  );

export function isAbsence(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "ELOOP";
}
