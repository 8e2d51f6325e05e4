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

/** The path has no links. Fails as the system does, also with ENOENT where it has got some. */
export const makeDirectory = (path: HostPath) => inParent(path, mkdirSync, mkdir);

/** The same for one that is to go. */
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
    () => {
      const fd = openSync(parent, flags);
      try {
        now(placeIn(fd, path));
      } finally {
        closeSync(fd);
      }
    },
    async () => {
      const directory = await open(parent, flags);
      try {
        await later(placeIn(directory.fd, path));
      } finally {
        await directory.close();
      }
    },
  );
}

/** The last name of `path` in the directory that is held. */
function placeIn(fd: number, path: HostPath): Place {
  const { parent, name } = splitPath(path);
  const held = descriptorPath(fd, parent);
  if (readlinkSync(held, "latin1") === parent) return nodePath(joinPath(held, name));
  throw Object.assign(new Error("a link is on the way now"), { code: "ENOENT" });
}
