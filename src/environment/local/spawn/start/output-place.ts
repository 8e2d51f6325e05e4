import { readFileSync, readlinkSync } from "node:fs";

/**
 * The name in /proc of the other end of an output: for a pipe that of both ends, for a pty master
 * its device. Undefined where the system does not tell.
 */
export function outputPlace(fd: number): string | undefined {
  try {
    const index = /^tty-index:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return index === undefined ? readlinkSync(`/proc/self/fd/${fd}`) : `/dev/pts/${index}`;
  } catch {
    // No procfs.
    return undefined;
  }
}
