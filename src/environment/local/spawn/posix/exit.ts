import { constants as system } from "node:os";
import { exitScanIntervalMs } from "../../../../limits.ts";
import { type Libc, native } from "../../libc/libc.ts";
import type { ProcessExit } from "../start/spawner.ts";
import type { Poller } from "./poller.ts";

type OnExit = (exit: ProcessExit) => void;

/**
 * Reaps each process at its end, by a pidfd of its own. It never waits for any child, because Node
 * reaps those of child_process.
 */
export class ExitWatcher {
  readonly #libc: Libc;
  readonly #poller: Poller;
  /** Processes without a pidfd, for lack of descriptors or of a kernel that has pidfds. */
  readonly #scanned = new Map<number, OnExit>();
  #scanTimer: NodeJS.Timeout | undefined;
  readonly #scan = () => this.#reapScanned();

  constructor(libc: Libc, poller: Poller) {
    this.#libc = libc;
    this.#poller = poller;
  }

  watch(pid: number, onExit: OnExit, life: "process" | "background" = "process"): void {
    const fd = this.#libc.pidfd_open(pid);
    if (fd < 0) {
      this.#watchByScan(pid, onExit);
      return;
    }
    const reap = () => {
      const exit = reapProcess(this.#libc, pid);
      if (!exit) return;
      watch.close();
      this.#libc.close(fd);
      onExit(exit);
    };
    const watch = this.#poller.watch(fd, { readable: reap }, life);
    watch.want("read", true);
  }

  #watchByScan(pid: number, onExit: OnExit): void {
    this.#scanned.set(pid, onExit);
    if (this.#scanTimer) return;
    this.#scanTimer = setInterval(this.#scan, exitScanIntervalMs);
    process.on("SIGCHLD", this.#scan);
  }

  #reapScanned(): void {
    for (const [pid, onExit] of this.#scanned) {
      const exit = reapProcess(this.#libc, pid);
      if (!exit) continue;
      this.#scanned.delete(pid);
      onExit(exit);
    }
    if (this.#scanned.size > 0) return;
    clearInterval(this.#scanTimer);
    this.#scanTimer = undefined;
    process.off("SIGCHLD", this.#scan);
  }
}

/** Our child was reaped elsewhere: how it ended is not known. */
const unknownExit: ProcessExit = { exitCode: 255, signal: null };

/** Undefined while the process runs. */
function reapProcess(libc: Libc, pid: number): ProcessExit | undefined {
  const status = new Int32Array(1);
  const usage = new BigInt64Array(32);
  const reaped = libc.wait4(pid, status, native.WNOHANG, usage);
  if (reaped === 0) return undefined;
  if (reaped < 0) return libc.errno() === system.errno.EINTR ? undefined : unknownExit;
  return { ...decodeStatus(status[0] ?? 0), usage: decodeUsage(usage) };
}

function decodeStatus(status: number): { exitCode: number; signal: number | null } {
  const signal = status & 0x7f;
  if (signal === 0) return { exitCode: (status >> 8) & 0xff, signal: null };
  return { exitCode: 128 + signal, signal };
}

/**
 * User and system time as seconds and microseconds, then the peak of memory in KiB. The peak is
 * never below this server's own: until exec a process shares its memory, and Linux counts that.
 */
function decodeUsage([userS, userUs, systemS, systemUs, maxRssKiB]: BigInt64Array) {
  const inUs = (seconds = 0n, us = 0n) => Number(seconds) * 1_000_000 + Number(us);
  return {
    userUs: inUs(userS, userUs),
    systemUs: inUs(systemS, systemUs),
    maxRssKiB: Number(maxRssKiB ?? 0n),
  };
}
