/**
 * Makes and removes empty directories where somebody who is confined may put a link in the place of
 * a directory on the way at any moment. So the directory above is held open, and nothing is done
 * unless it still is where the path says: no link leads out of a workspace.
 */
import type { Buffer } from "node:buffer";
import { closeSync, constants, mkdirSync, openSync, readlinkSync, rmdirSync } from "node:fs";
import { mkdir, open, rmdir } from "node:fs/promises";
import { type HostPath, joinPath, nodePath, splitPath } from "../protocol/path-uri.ts";
import { descriptorPath, O_PATH } from "../system/descriptor-path.ts";
import { diskCall } from "./disk-call.ts";

/**
 * The path has no links. Fails as the system does, but with ENOENT or ENOTDIR only where the
 * directory above is not there, or by way of a link: it may be back at the next look. With EPERM
 * where it is there and takes no such name, which some file systems call ENOENT.
 */
export const makeDirectory = (path: HostPath) => inParent(path, mkdirSync, mkdir);

/** The same for one that is to go, or has gone. */
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

/** Does it with the last name of `path` in the directory that is held. */
async function inHeld(fd: number, path: HostPath, work: (place: Place) => unknown): Promise<void> {
  const { parent, name } = splitPath(path);
  const held = descriptorPath(fd, parent);
  const isThere = () => readlinkSync(held, "latin1") === parent;
  if (!isThere()) throw Object.assign(new Error("a link is on the way now"), { code: "ENOENT" });
  try {
    await work(nodePath(joinPath(held, name)));
  } catch (error) {
    // A directory that was removed meanwhile is told as such there, and never comes back.
    const isRefused = (error as NodeJS.ErrnoException).code === "ENOENT" && isThere();
    throw isRefused ? Object.assign(error as Error, { code: "EPERM" }) : error;
  }
}
