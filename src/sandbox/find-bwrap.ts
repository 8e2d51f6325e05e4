import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { type HostPath, hostPathOf } from "../protocol/path-uri.ts";
import { diskCall } from "./disk-call.ts";

/** A bwrap of this machine. `identity` changes when another file takes its place. */
export interface Bwrap {
  readonly path: string;
  readonly identity: string;
  readonly isSetuid: boolean;
}

/**
 * The first bwrap on `searchPath` outside of where the confined work may write: one that it has put
 * there would confine nobody. `isInWorkspace` is asked about real paths.
 */
export async function findBwrap(
  searchPath: string,
  isInWorkspace: (path: HostPath) => boolean = () => false,
): Promise<Bwrap | undefined> {
  // A relative folder of a PATH is the working directory's, where anybody may have put anything.
  const folders = searchPath.split(":").filter((entry) => entry.startsWith("/"));
  // Asked for together, because one after the other they would hold up the answer to initialize.
  for (const asked of folders.map((folder) => bwrapAt(`${folder}/bwrap`))) {
    const found = await asked;
    if (!found) continue;
    const { real, ...bwrap } = found;
    if (!isInWorkspace(real) && !isInWorkspace(hostPathOf(bwrap.path))) return bwrap;
  }
  return undefined;
}

export function bwrapIdentity(path: string, { dev, ino, mtimeMs }: Stats): string {
  return `${path}:${dev}:${ino}:${mtimeMs}`;
}

/** Undefined when there is no executable file. */
async function bwrapAt(path: string): Promise<(Bwrap & { real: HostPath }) | undefined> {
  try {
    const found = await diskCall(
      path,
      () => lookNow(path),
      () => lookLater(path),
    );
    if (!found?.stats.isFile()) return undefined;
    const { stats, real } = found;
    const isSetuid = (stats.mode & 0o4000) !== 0;
    return { path, identity: bwrapIdentity(path, stats), isSetuid, real: hostPathOf(real) };
  } catch {
    // Missing or not ours to execute: the search goes on.
    return undefined;
  }
}

/** Most folders have none, and an error costs as much as ten looks. */
function lookNow(path: string) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  accessSync(path, constants.X_OK);
  return { stats, real: realpathSync.native(path) };
}

async function lookLater(path: string) {
  const stats = await stat(path);
  await access(path, constants.X_OK);
  return { stats, real: await realpath(path) };
}
