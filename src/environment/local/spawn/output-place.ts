import { readFileSync, readlinkSync } from "node:fs";

/**
 * How /proc names the other end of an output of ours: the same for both ends of a pipe, the device
 * for the master of a terminal. Undefined where the system does not tell.
 */
export function outputPlace(fd: number): string | undefined {
  try {
    const index = /^tty-index:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return index === undefined ? readlinkSync(`/proc/self/fd/${fd}`) : `/dev/pts/${index}`;
  } catch {
    // There is no /proc here.
    return undefined;
  }
}
