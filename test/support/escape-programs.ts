/** Attempts to get out of a sandbox by what a confined process does. */
import { spawnSync } from "node:child_process";

/** Shell scripts run as confined processes. */
export const scripts: Record<string, string> = {
  "writing outside": "echo planted > $OUT/f",
  "writing through a link": "ln -s $OUT/f l; echo planted > l",
  "a hard link to a file outside": "ln $OUT/f h && echo planted > h",
  "moving a file out": "echo planted > m; mv m $OUT/m",
  "renaming the workspace's parent": "mv $OUT $WS/../elsewhere",
  "the root of the first process": "echo planted > /proc/1/root$OUT/f",
  "the root of the shell": "echo planted > /proc/self/root$OUT/f",
  "filling a protected name": "mkdir -p .git; echo planted > .git/planted",
  "replacing a protected name": "rm -rf .git; rmdir .git; mv .git g; mkdir .git; : > .git/planted",
  "replacing an ancestor of a protected name": "cd ..; mv ws swap && mkdir ws; : > ws/.git/planted",
  "mounting it writable again": "mount -o remount,rw / ; echo planted > $OUT/f",
  "unmounting what protects": "umount .git; umount -l .git; : > .git/planted",
  "a bind of the outside": "mkdir b; mount --bind $OUT b && echo planted > b/f",
  "a new user namespace": "unshare -Urm sh -c 'mount -o remount,rw / ; echo planted > $OUT/f'",
  "unmounting in a new user namespace":
    "unshare -Urm sh -c 'umount -l .git; mkdir -p .git; : > .git/planted'",
  "the namespaces of another process": "nsenter -t 1 -m sh -c 'echo planted > $OUT/f'",
  "a device of the disk": "mknod d b 8 0 && dd if=/dev/zero of=d count=1; mknod k c 1 1",
  "descriptors that were left open":
    "for fd in 3 4 5 6 7 8 9 10; do (echo planted >&$fd) 2>/dev/null; done; " +
    "cd /proc/self/fd && for n in *; do echo planted > $n/../$OUT/f; done",
};

/** Programs for python that print ESCAPED when they get what they must not. */
export const programs: Record<string, string> = {
  "an internet socket": "import socket\nsocket.socket(socket.AF_INET)",
  "a netlink socket": "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
  "an abstract socket": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0escape')",
  "a pair that can send to any path":
    "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
  "a raw pair": "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)",
  io_uring: sysCall(425, "1, 0"),
  ptrace: sysCall(process.arch === "arm64" ? 117 : 101, "16, 1, 0, 0"),
  "another process's memory": sysCall(process.arch === "arm64" ? 270 : 310, "1, 0, 0, 0, 0, 0"),
  "the keys of the server's login": sysCall(process.arch === "arm64" ? 219 : 250, "11, -3, 0, 0"),
  "a key for that login": sysCall(
    process.arch === "arm64" ? 217 : 248,
    'b"user", b"escape", b"x", 1, -3',
  ),
  "the mark by which it is found": "import resource\nresource.setrlimit(10, (1, -1))",
  "the mark of the first process": "import resource\nresource.prlimit(1, 10, (1, -1))",
  "input for the terminal": "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')",
  "calls of another convention": sysCall(0x40000000 + 39, ""),
  "a signal for a process outside": `import os\nos.kill(${process.pid}, 0)`,
};

function sysCall(number: number, args: string): string {
  const list = args === "" ? `${number}` : `${number}, ${args}`;
  return (
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n" +
    `assert libc.syscall(${list}) >= 0, os.strerror(ctypes.get_errno())`
  );
}

/** What a python program under the sandbox printed. */
export function pythonScript(program: string): string {
  const quoted = program.replaceAll("'", `'"'"'`);
  return `python3 -c '${quoted}\nprint("ESCAPED")'`;
}

export const hasPython = spawnSync("python3", ["-c", ""]).status === 0;
