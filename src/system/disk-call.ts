import type { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as later from "node:fs/promises";
import { hostPathOf } from "../protocol/path-uri.ts";
import { hangingMounts } from "./hanging-mounts.ts";
import { Lanes } from "./mount-lane.ts";

type Path = string | Buffer;

/**
 * Makes a call about a path. Where only local disks are mounted, `now` makes it at once, which
 * takes microseconds; a confined start makes some sixty calls, each of which takes ten times as
 * long on a thread. Else `later` makes it on a thread, in the lane of its mount, because a network
 * server may be gone for ever.
 */
export async function diskCall<T>(
  path: Path,
  now: () => T | Promise<T>,
  later: () => Promise<T>,
): Promise<T> {
  const mounts = hangingMounts();
  if (mounts.length === 0) return now();
  const lane = lanes.of(hostPathOf(path), mounts);
  return lane ? lane.run(later) : later();
}

/**
 * Separate from the lanes of file calls: a start holds a place in one of those while it makes these
 * calls, and waiting for a second place in the same lane could deadlock.
 */
const lanes = new Lanes();

export const disk = {
  symlink: (to: Path, at: Path) =>
    diskCall(
      at,
      () => fs.symlinkSync(to, at),
      () => later.symlink(to, at),
    ),
  rename: (from: Path, to: Path) =>
    diskCall(
      from,
      () => fs.renameSync(from, to),
      () => later.rename(from, to),
    ),
  unlink: (at: Path) =>
    diskCall(
      at,
      () => fs.unlinkSync(at),
      () => later.unlink(at),
    ),
  readdir: (at: Path) =>
    diskCall(
      at,
      () => fs.readdirSync(at),
      () => later.readdir(at),
    ),
  readlink: (at: Path) =>
    diskCall(
      at,
      () => fs.readlinkSync(at, "latin1"),
      () => later.readlink(at, "latin1"),
    ),
};
