/** The mounts that bwrap has made for a process, seen from outside. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { bwrapPollMs, bwrapSignMs, bwrapTrialMs } from "../../limits.ts";
import { internalError } from "../../protocol/errors.ts";
import { outerMounts } from "../../system/outer-mounts.ts";
import type { MountTables } from "./mount-table.ts";

/** A sandbox that is set up. */
export interface Inside {
  /** The pid of bwrap's inner process, the first of the sandbox. */
  readonly pid: number;
  readonly tables: MountTables;
}

/**
 * Waits until the bwrap with this pid has made all mounts, which shows by its inner process having
 * dropped its capabilities. Gives `ended` when bwrap has ended, and `none` when it is a stand-in
 * that runs the command in this server's mount namespace. `sign` settles when the mounts may be
 * complete.
 */
export async function insideOf(
  bwrapPid: number,
  sign: Promise<void> | undefined,
): Promise<Inside | Absence> {
  const pause = pausesBy(sign);
  for (const endMs = performance.now() + bwrapTrialMs; performance.now() < endMs; ) {
    await pause();
    const found = look(bwrapPid);
    if (found === "none" || found === "ended") return found;
    if (found !== "none yet" && found.isComplete) return found;
  }
  throw internalError(
    `the sandbox cannot be set up: bwrap did not finish mounting within ${bwrapTrialMs / 1000} s`,
  );
}

function pausesBy(sign: Promise<void> | undefined): () => Promise<void> {
  let isGiven = sign === undefined;
  void sign?.then(() => {
    isGiven = true;
  });
  return () => (isGiven ? setTimeout(bwrapPollMs) : Promise.race([sign, setTimeout(bwrapSignMs)]));
}

/** The sandbox as it is now, if it has mounts of its own. */
export function insideNow(bwrapPid: number): Found | undefined {
  const found = look(bwrapPid);
  return typeof found === "string" ? undefined : found;
}

interface Found extends Inside {
  readonly isComplete: boolean;
}

type Absence = "none" | "ended";

/**
 * The first process with mounts of its own among bwrap (which may be a script) and its children.
 */
function look(bwrapPid: number): Found | Absence | "none yet" {
  for (let pid = bwrapPid; ; ) {
    const place = placeOf(pid);
    // A program that a wrapper script runs before it becomes bwrap; the sandbox may still come.
    if (place !== "bwrap") return pid === bwrapPid ? place : "none yet";
    const child = childOf(pid);
    if (child === undefined) return "none yet";
    pid = child;
    // Read before the table, which therefore is complete when the capabilities are gone. The table
    // is read only once, because the kernel takes 0.06 ms to write it.
    const isComplete = hasNoRights(pid);
    const inside = procFile(pid, "mountinfo");
    const outside = outerMounts();
    const tables = { inside, outside };
    if (inside !== "" && inside !== outside) return { pid, tables, isComplete };
  }
}

/** One of the process's children, if any. Some kernels are built without lists of children. */
export function childOf(pid: number): number | undefined {
  const [child] = procFile(pid, `task/${pid}/children`).split(" ");
  if (child) return Number(child);
  const isListed = existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  return isListed ? undefined : childBySearch(pid);
}

/** Searches all processes by their parent. */
export function childBySearch(parent: number): number | undefined {
  const says = new RegExp(`^PPid:\\s+${parent}$`, "m");
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.find((pid) => says.test(procFile(pid, "status")));
}

/**
 * Tells what runs as `pid` by its arguments. A shell that is about to become bwrap has them as one
 * text, and during exec a process has none for a moment.
 */
function placeOf(pid: number): "bwrap" | "none yet" | Absence {
  const commandLine = procFile(pid, "cmdline");
  if (commandLine === "") return isAlive(pid) ? "none yet" : "ended";
  if (commandLine.includes("\0--die-with-parent\0")) return "bwrap";
  return commandLine.includes("--die-with-parent") ? "none yet" : "none";
}

function hasNoRights(pid: number): boolean {
  return /^CapEff:\s*0+$/m.test(procFile(pid, "status"));
}

function isAlive(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(procFile(pid, "status"));
}

/** Empty when the process has ended, or is a zombie. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // Reading mountinfo of an exiting process fails with EINVAL.
    if (code === "ENOENT" || code === "ESRCH" || code === "EINVAL") return "";
    throw error;
  }
}
