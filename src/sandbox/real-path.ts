/** Where a path leads, links and all; undefined or itself where it leads nowhere. */
import type { Buffer } from "node:buffer";
import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { linksFollowedMax, placeLooksMax } from "../limits.ts";
import { type HostPath, joinPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { diskCall } from "./disk-call.ts";
import { WorldChangedError } from "./world-changed-error.ts";

/** A symbolic link on the way to a place. */
export interface Link {
  readonly at: HostPath;
  readonly target: HostPath;
}

/** The real path of what exists. */
export async function existingPath(path: HostPath): Promise<HostPath | undefined> {
  const real = await existing(
    path,
    () => realPathNow(nodePath(path)),
    () => realPathLater(nodePath(path)),
  );
  return real as HostPath | undefined;
}

/** Most that a policy protects is missing, and an error costs as much as ten looks. */
function realPathNow(path: string | Buffer): string | undefined {
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere ? realpathSync.native(path, "latin1") : undefined;
}

/** Some disks have names for others than their owner, and nothing else. */
async function realPathLater(path: string | Buffer): Promise<string> {
  const [real] = await Promise.all([realpath(path, "latin1"), lstat(path)]);
  return real;
}

/** The real path, or what it would be if the missing end of it were made. */
export async function locate(path: HostPath): Promise<{ real: HostPath; existing: HostPath }> {
  const found = await existingPath(path);
  if (found !== undefined) return { real: found, existing: found };
  const { parent, name } = splitPath(path);
  const above = await locate(parent);
  const real = joinPath(above.real, name);
  const unresolved = { real, existing: above.existing };
  if (above.real !== above.existing || (await linkTarget(real)) === undefined) return unresolved;
  // A link that leads to nothing: who makes what it names makes this place.
  const { links, end } = await wayTo(real);
  return links.length < linksFollowedMax ? locate(end) : unresolved;
}

/**
 * The same with every link on the way. A link that comes or goes between two looks would have its
 * target taken for the place itself, so they must agree. Throws where somebody keeps changing it.
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

/** Every link on the way to a place. */
export async function linksOn(path: HostPath): Promise<Link[]> {
  return (await wayTo(path)).links;
}

/** Goes the way step by step and notes every link; what is missing at its end stays as named. */
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

/** Undefined for what is not there or cannot be reached, which is the same for a sandbox. */
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
