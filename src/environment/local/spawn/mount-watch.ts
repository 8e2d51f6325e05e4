import { closeSync, openSync } from "node:fs";
import { closeOnExec, epollEventWords, type Libc, loadLibc, native } from "./posix-libc.ts";

/** Whether mounts may have been made, changed or removed since it was asked last. */
export type MountWatch = () => boolean;

/**
 * The kernel tells whoever waits on the table of mounts that it has changed. To ask takes 4
 * microseconds, to read a table of twenty mounts ten times that. Until there are native functions,
 * and where there are none, mounts may have changed each time.
 */
export function mountWatch(): MountWatch {
  let watch: MountWatch = () => true;
  const begin = (libc: Libc) => {
    watch = watchBy(libc);
  };
  void loadLibc().then(begin, withoutNativeFunctions);
  return () => watch();
}

const withoutNativeFunctions = () => undefined;

/** Begins with the first question. Where it cannot begin, mounts may have changed each time. */
function watchBy(libc: Libc): MountWatch {
  const event = new Uint32Array(epollEventWords.size);
  let epollFd: number | undefined;
  return () => {
    if (epollFd !== undefined) return epollFd < 0 || libc.epoll_wait(epollFd, event, 1, 0) !== 0;
    epollFd = epollOfMounts(libc);
    return true;
  };
}

/** Less than 0 when there is none to be had. */
function epollOfMounts(libc: Libc): number {
  // First, as it may throw for want of descriptors: then nothing else is open.
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
