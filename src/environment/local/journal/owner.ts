/**
 * The name of a journal folder tells its owner, so that a takeover is one rename, at which only one
 * of several finishers succeeds.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readProcessStat } from "../../../system/process-stat.ts";

/** A new name for a folder of this process. */
export function ownFolderName(): string {
  return [bootId(), pidNamespace(), process.pid, startOf(process.pid), randomUUID()].join("_");
}

/** A new name for a folder that this process has taken over to finish its writes. */
export function finisherFolderName(): string {
  return `${ownFolderName()}${finisherEnd}`;
}

export const isFinisherFolder = (name: string) => name.endsWith(finisherEnd);
const finisherEnd = "_finisher";

/**
 * State of the owner of a folder: it `lives`, or is `gone`, or ended with an earlier boot, after
 * which nothing on the disk can be relied on (`crashed`), or is in another pid namespace
 * (`elsewhere`), so that its pid means nothing here.
 */
export function stateOfOwner(folderName: string): "lives" | "gone" | "crashed" | "elsewhere" {
  const [boot, namespace, pid, start] = folderName.split("_");
  if (boot !== bootId()) return "crashed";
  if (namespace !== pidNamespace()) return "elsewhere";
  return isProcess(Number(pid), start ?? "") ? "lives" : "gone";
}

function isProcess(pid: number, start: string): boolean {
  if (process.platform !== "linux") return isSignalled(pid);
  const stat = readProcessStat(pid);
  if (stat?.startTicks !== start) return false;
  // A zombie is alive as long as it has other threads: they may still write.
  return stat.threads > 1 || !/[ZX]/.test(stat.state);
}

/** Start time of a process in clock ticks; empty without such a process or procfs. */
const startOf = (pid: number) => readProcessStat(pid)?.startTicks ?? "";

function isSignalled(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function bootId(): string {
  return known("/proc/sys/kernel/random/boot_id", (path) => readFileSync(path, "latin1"));
}

/** A pid has a meaning only within its namespace. */
function pidNamespace(): string {
  return known("/proc/self/ns/pid", (path) => readlinkSync(path));
}

function known(path: string, read: (path: string) => string): string {
  try {
    return read(path).replace(/[^\w-]/g, "");
  } catch {
    // Not on Linux.
    return "none";
  }
}
