import { constants as system } from "node:os";
import { readProcessFile } from "../../../../system/process-stat.ts";
import { type Libc, native } from "../../libc/libc.ts";
import type { MarkOf, ProcessTable } from "../descendants/tree-kill.ts";

/** Reads the tag, a resource limit, by one system call for processes of the same user and group. */
export function tagMark(libc: Libc): MarkOf {
  const limits = new BigUint64Array(2);
  return (pid) => {
    if (libc.prlimit(pid, native.RLIMIT_LOCKS, null, limits) === 0) return limits[0];
    if (libc.errno() !== system.errno.EPERM || libc.kill(pid, 0) < 0) return undefined;
    return tagInFile(pid);
  };
}

/** For a process of this user with another group id, for which the system call fails. */
function tagInFile(pid: number): bigint | undefined {
  const limits = readProcessFile(pid, "limits");
  const soft = limits && /^Max file locks\s+(\d+)/m.exec(limits)?.[1];
  return soft ? BigInt(soft) : undefined;
}

export function libcProcessTable(libc: Libc): ProcessTable {
  return {
    kill: (pid, signal) => libc.kill(pid, signal),
    sessionOf: (pid) => {
      const session = libc.getsid(pid);
      return session < 0 ? undefined : session;
    },
  };
}
