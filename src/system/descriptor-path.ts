import { existsSync } from "node:fs";
import type { HostPath } from "../protocol/path-uri.ts";

/**
 * Opens a file without access to its content. Not among Node's constants; the same number on every
 * architecture that Node runs on.
 */
export const O_PATH = 0o10000000;

/** Whether procfs tells the path of an open file and works on it by its descriptor. */
export const hasDescriptorPaths = process.platform === "linux" && existsSync("/proc/self/fd");

/** A path to an open file that stays valid when the file is moved; `path` without procfs. */
export function descriptorPath(fd: number, path: HostPath): HostPath {
  return hasDescriptorPaths ? (`/proc/self/fd/${fd}` as HostPath) : path;
}
