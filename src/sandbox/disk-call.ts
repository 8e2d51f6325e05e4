import type { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as later from "node:fs/promises";
import { hostPathOf } from "../protocol/path-uri.ts";
import { hangingMounts } from "./hanging-mounts.ts";
import { Lanes } from "./mount-lane.ts";

type Path = string | Buffer;

/**
 * Makes a call about a path: at once, by `now`, where only disks of this machine are mounted, which
 * takes microseconds; else by `later` on a thread, because a server on the network may be gone for
 * ever, and then only so many calls wait for it. A confined start makes some sixty, each of which
 * takes ten times as long on a thread.
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
 * Not those of the file calls: a start that keeps a place there makes these calls, and who waits
 * for two places at once can wait for ever.
 */
const lanes = new Lanes();

export const disk = {
  symlink: (to: Path, at: Path) =>
    diskCall(
      at,
      () => fs.symlinkSync(to, at),
      () => later.symlink(to, at),
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
