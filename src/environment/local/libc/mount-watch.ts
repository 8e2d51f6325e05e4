import { closeSync, openSync } from "node:fs";
import { closeOnExec, epollEventWords, type Libc, libcIfAny, native } from "./libc.ts";

/** Whether mounts may have been made, changed or removed since the last call. */
export type MountWatch = () => boolean;

/**
 * Asks the kernel by epoll whether the mount table has changed, which takes 4 microseconds; to read
 * a table of twenty mounts takes ten times that. Until native functions are loaded, and without
 * them, the answer is always true.
 */
export function mountWatch(): MountWatch {
  let watch: MountWatch = () => true;
  void libcIfAny().then((libc) => {
    if (libc) watch = watchBy(libc);
  });
  return () => watch();
}

/**
 * Opens the epoll descriptor at the first call. If the kernel refuses, the answer is always true.
 */
function watchBy(libc: Libc): MountWatch {
  const event = new Uint32Array(epollEventWords.size);
  let epollFd: number | undefined;
  return () => {
    if (epollFd !== undefined) return epollFd < 0 || libc.epoll_wait(epollFd, event, 1, 0) !== 0;
    epollFd = epollOfMounts(libc);
    return true;
  };
}

/** Negative when the kernel refuses. */
function epollOfMounts(libc: Libc): number {
  // First, because it throws when no descriptor is free, and must not leave the other one open.
  const tableFd = openSync("/proc/self/mountinfo", "r");
  const epollFd = libc.epoll_create1(closeOnExec);
  const change = Uint32Array.of(native.EPOLLPRI | native.EPOLLERR, 0, 0, 0);
  const isMade = epollFd >= 0;
  if (isMade && libc.epoll_ctl(epollFd, native.EPOLL_CTL_ADD, tableFd, change) === 0)
    return epollFd;
  closeSync(tableFd);
  if (isMade) libc.close(epollFd);
  return -1;
}
