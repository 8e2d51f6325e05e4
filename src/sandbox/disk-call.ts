import type { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as later from "node:fs/promises";
import { mountTableMs } from "../limits.ts";
import { outerMounts } from "./outer-mounts.ts";
import { remoteMounts } from "./remote-mounts.ts";

/**
 * Makes a call of the file system: at once, by `now`, where only disks of this machine are mounted,
 * which takes microseconds; else by `later` on a thread, because a server on the network may be
 * gone for ever. A confined start makes some sixty, each of which takes ten times as long on a
 * thread.
 */
export async function diskCall<T>(now: () => T, later: () => Promise<T>): Promise<T> {
  return mayHang() ? later() : now();
}

let known = { atMs: -Infinity, mayHang: true };

function mayHang(): boolean {
  const atMs = performance.now();
  if (atMs - known.atMs >= mountTableMs) {
    known = { atMs, mayHang: remoteMounts(outerMounts()).length > 0 };
  }
  return known.mayHang;
}

type Path = string | Buffer;

export const disk = {
  symlink: (to: Path, at: Path) =>
    diskCall(
      () => fs.symlinkSync(to, at),
      () => later.symlink(to, at),
    ),
  mkdir: (at: Path) =>
    diskCall(
      () => fs.mkdirSync(at),
      () => later.mkdir(at),
    ),
  rmdir: (at: Path) =>
    diskCall(
      () => fs.rmdirSync(at),
      () => later.rmdir(at),
    ),
  unlink: (at: Path) =>
    diskCall(
      () => fs.unlinkSync(at),
      () => later.unlink(at),
    ),
  readdir: (at: Path) =>
    diskCall(
      () => fs.readdirSync(at),
      () => later.readdir(at),
    ),
  readlink: (at: Path) =>
    diskCall(
      () => fs.readlinkSync(at, "latin1"),
      () => later.readlink(at, "latin1"),
    ),
};
