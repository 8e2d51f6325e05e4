import type { Buffer } from "node:buffer";
import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import type { HostPath } from "../../protocol/path-uri.ts";
import { diskCall } from "../../system/disk-call.ts";

export interface ExecutableFile {
  readonly stats: Stats;
  readonly real: HostPath;
}

/** The file at a path that node:fs takes; undefined unless it exists and may be executed. */
export async function executableFile(path: string | Buffer): Promise<ExecutableFile | undefined> {
  try {
    return await diskCall(
      path,
      () => lookNow(path),
      () => lookLater(path),
    );
  } catch {
    // Missing or not executable: a search goes on, and an attempt to run it reports why.
    return undefined;
  }
}

/**
 * Checks for existence first: most directories of a PATH lack the program, and an error costs as
 * much as ten calls of lstat.
 */
function lookNow(path: string | Buffer): ExecutableFile | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) return undefined;
  accessSync(path, constants.X_OK);
  return { stats, real: realpathSync.native(path, "latin1") as HostPath };
}

async function lookLater(path: string | Buffer): Promise<ExecutableFile | undefined> {
  const stats = await stat(path);
  if (!stats.isFile()) return undefined;
  await access(path, constants.X_OK);
  return { stats, real: (await realpath(path, "latin1")) as HostPath };
}
