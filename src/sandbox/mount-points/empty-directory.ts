/**
 * Makes and removes empty directories where a confined process may replace a directory of the path
 * by a link at any moment. So the parent is held open, and must still be where the path says: no
 * link leads out of a workspace.
 */
import type { Buffer } from "node:buffer";
import { closeSync, constants, mkdirSync, openSync, readlinkSync, rmdirSync } from "node:fs";
import { mkdir, open, rmdir } from "node:fs/promises";
import { type HostPath, joinPath, nodePath, splitPath } from "../../protocol/path-uri.ts";
import { descriptorPath, O_PATH } from "../../system/descriptor-path.ts";
import { diskCall } from "../../system/disk-call.ts";

/**
 * Makes a directory. `path` has no links. Fails with ENOENT or ENOTDIR only when the parent is
 * absent or was replaced by a link, and so may be back on the next attempt. Fails with EPERM when
 * the parent exists but refuses the name, for which some file systems say ENOENT. Other errors are
 * the system's.
 */
export const makeDirectory = (path: HostPath) => inParent(path, mkdirSync, mkdir);

/** Removes an empty directory, with the same errors. */
export const removeDirectory = (path: HostPath) => inParent(path, rmdirSync, rmdir);

type Place = string | Buffer;

async function inParent(
  path: HostPath,
  now: (place: Place) => void,
  later: (place: Place) => Promise<unknown>,
): Promise<void> {
  const parent = nodePath(splitPath(path).parent);
  const flags = O_PATH | constants.O_DIRECTORY;
  await diskCall(
    nodePath(path),
    async () => {
      const fd = openSync(parent, flags);
      try {
        await inHeld(fd, path, now);
      } finally {
        closeSync(fd);
      }
    },
    async () => {
      const directory = await open(parent, flags);
      try {
        await inHeld(directory.fd, path, later);
      } finally {
        await directory.close();
      }
    },
  );
}

/** Calls `work` with the last name of `path`, in the directory that `fd` holds. */
async function inHeld(fd: number, path: HostPath, work: (place: Place) => unknown): Promise<void> {
  const { parent, name } = splitPath(path);
  const held = descriptorPath(fd, parent);
  const isThere = () => readlinkSync(held, "latin1") === parent;
  if (!isThere()) throw Object.assign(new Error("a link is on the way now"), { code: "ENOENT" });
  try {
    await work(nodePath(joinPath(held, name)));
  } catch (error) {
    // The link in procfs to a removed directory no longer equals its path, so that this is not a
    // refusal.
    const isRefused = (error as NodeJS.ErrnoException).code === "ENOENT" && isThere();
    throw isRefused ? Object.assign(error as Error, { code: "EPERM" }) : error;
  }
}
