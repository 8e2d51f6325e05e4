/**
 * Declares native functions, and nothing else. A wrong prototype here is a crash, not an exception:
 * sizes and pointers never come from a request, apart from the two packed tables of strings.
 * Functions return -1 and set `errno()` as libc does, unless stated otherwise.
 */
import type { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { bindSharedMemory, type SharedMemory } from "./shared-memory.ts";
import { bindSpawning, type Spawning } from "./spawning.ts";
import { bindStreams, type Streams } from "./streams.ts";

type Memory = Buffer | ArrayBufferView;

/** The part of libc that the spawner and others need; glibc and musl both have it. */
export interface Libc extends SharedMemory, Spawning, Streams {
  errno(): number;
  /** Address of a buffer. */
  address(memory: Buffer): bigint;
  /** Calls back, on the event loop, whenever the descriptor is readable. */
  poll(fd: number, onReadable: () => void): PollHandle;

  read(fd: number, memory: Memory, length: number): number;
  write(fd: number, memory: Memory, length: number): number;
  close(fd: number): number;
  pipe2(fds: Int32Array, flags: number): number;
  /** `name` is relative to the open directory. */
  unlinkat(directory: number, name: string, flags: number): number;
  fcntl(fd: number, command: number, type: "int", value: number): number;
  ioctl(fd: number, request: number, type: "void *", argument: Memory): number;
  setsockopt(fd: number, level: number, option: number, value: Memory, length: number): number;

  posix_openpt(flags: number): number;
  grantpt(fd: number): number;
  unlockpt(fd: number): number;
  /** Returns an errno. */
  ptsname_r(fd: number, name: Buffer, length: number): number;

  epoll_create1(flags: number): number;
  epoll_ctl(epollFd: number, operation: number, fd: number, event: Memory): number;
  epoll_wait(epollFd: number, events: Memory, count: number, timeoutMs: number): number;

  kill(pid: number, signal: number): number;
  /** Ends this process at once, unlike `exit`, which waits for threads that hang. */
  _exit(code: number): void;
  getsid(pid: number): number;
  flock(fd: number, operation: number): number;
  wait4(pid: number, status: Int32Array, options: number, usage: Memory): number;
  pidfd_open(pid: number): number;
  /** `next` and `previous` hold the soft and the hard limit; null sets or returns none. */
  prlimit(
    pid: number,
    resource: number,
    next: BigUint64Array | null,
    previous: BigUint64Array | null,
  ): number;

  /** Returns free memory to the system, on a thread of the pool. Absent from musl. */
  malloc_trim?: () => void;
}

export interface PollHandle {
  ref(): void;
  unref(): void;
  close(): void;
}

export const closeOnExec = 0x80000;
export const ptmxFlags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | closeOnExec;

const isPowerPc = process.arch === "ppc64";

export const native = {
  F_SETFD: 2,
  FD_CLOEXEC: 1,
  F_SETFL: 4,
  F_DUPFD_CLOEXEC: 1030,
  F_SETPIPE_SZ: 1031,
  TIOCSWINSZ: isPowerPc ? 0x80087467 : 0x5414,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLLIN: 0x1,
  EPOLLPRI: 0x2,
  EPOLLOUT: 0x4,
  EPOLLERR: 0x8,
  EPOLLHUP: 0x10,
  WNOHANG: 1,
  LOCK_EX: 2,
  LOCK_NB: 4,
  RLIMIT_CORE: 4,
  RLIMIT_LOCKS: 10,
  POSIX_SPAWN_SETSIGDEF: 0x4,
  POSIX_SPAWN_SETSIGMASK: 0x8,
  POSIX_SPAWN_SETSID: 0x80,
} as const;

/** Size of `struct epoll_event`, and place of its data, in 32-bit words: packed on x86 only. */
export const epollEventWords =
  process.arch === "x64" || process.arch === "ia32"
    ? { size: 3, identity: 1 }
    : { size: 4, identity: 2 };

const pidfdOpenNumber = 434;

let loaded: Promise<Libc> | undefined;

/** Rejects where there is no native module for this platform or a function is missing. */
export function loadLibc(): Promise<Libc> {
  loaded ??= bindLibc();
  return loaded;
}

/** The same for callers that can do without. */
export const libcIfAny = (): Promise<Libc | undefined> => loadLibc().catch(none);

const none = () => undefined;

async function bindLibc(): Promise<Libc> {
  const koffi = await import("koffi");
  const library = koffi.load(null);
  const syscall = library.func("long syscall(long, ...)");
  return {
    errno: () => koffi.errno(),
    address: (memory) => koffi.address(memory),
    poll: (fd, onReadable) => koffi.node.poll(fd, { readable: true }, withReactions(onReadable)),
    read: library.func("intptr_t read(int, void *, size_t)"),
    write: library.func("intptr_t write(int, void *, size_t)"),
    close: library.func("int close(int)"),
    pipe2: library.func("int pipe2(void *, int)"),
    unlinkat: library.func("int unlinkat(int, const char *, int)"),
    fcntl: library.func("int fcntl(int, int, ...)"),
    ioctl: library.func("int ioctl(int, unsigned long, ...)"),
    setsockopt: library.func("int setsockopt(int, int, int, void *, unsigned int)"),
    ...bindTerminals(library),
    epoll_create1: library.func("int epoll_create1(int)"),
    epoll_ctl: library.func("int epoll_ctl(int, int, int, void *)"),
    epoll_wait: library.func("int epoll_wait(int, void *, int, int)"),
    kill: library.func("int kill(int, int)"),
    _exit: library.func("void _exit(int)"),
    getsid: library.func("int getsid(int)"),
    flock: library.func("int flock(int, int)"),
    wait4: library.func("int wait4(int, void *, int, void *)"),
    pidfd_open: (pid) => Number(syscall(pidfdOpenNumber, "int", pid, "int", 0)),
    prlimit: library.func("int prlimit(int, int, void *, void *)"),
    ...{ ...bindTrim(library), ...bindSpawning(library) },
    ...{ ...bindSharedMemory(library), ...bindStreams(library) },
  };
}

/**
 * From Node 26 on, promises and `process.nextTick` callbacks that a call from native code causes
 * wait for the next turn that Node begins by itself: until a timer fires, if nothing else happens.
 * An immediate is such a turn, and is due at once.
 */
function withReactions(callback: () => void): () => void {
  const nodeMajor = Number.parseInt(process.versions.node, 10);
  if (nodeMajor < 26) return callback;
  return () => {
    setImmediate(nothing);
    callback();
  };
}

const nothing = () => {};

function bindTerminals(library: import("koffi").LibraryHandle) {
  return {
    posix_openpt: library.func("int posix_openpt(int)"),
    grantpt: library.func("int grantpt(int)"),
    unlockpt: library.func("int unlockpt(int)"),
    ptsname_r: library.func("int ptsname_r(int, void *, size_t)"),
  };
}

function bindTrim(library: import("koffi").LibraryHandle): Pick<Libc, "malloc_trim"> {
  try {
    const trim = library.func("int malloc_trim(size_t)");
    return { malloc_trim: () => trim.async(0, ignoreResult) };
  } catch {
    // Not in this libc, whose allocator keeps less.
    return {};
  }
}

/** The result is of no use: it claims success even when nothing was left to return. */
const ignoreResult = () => undefined;
