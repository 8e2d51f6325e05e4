import { existsSync } from "node:fs";
import type { HostPath } from "../protocol/path-uri.ts";

/**
 * Opens a file without any right on its content. Not among Node's constants; the same number on
 * every architecture that Node runs on.
 */
export const O_PATH = 0o10000000;

/** Whether the system tells where an open file really is, and works on it by its number. */
export const hasDescriptorPaths = process.platform === "linux" && existsSync("/proc/self/fd");

/** A name for an open file that stays right when that is moved; `path` where there is none. */
export function descriptorPath(fd: number, path: HostPath): HostPath {
  return hasDescriptorPaths ? (`/proc/self/fd/${fd}` as HostPath) : path;
}
