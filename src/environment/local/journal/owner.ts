/**
 * Who a folder of the journal belongs to is said by its name, so that taking it over is one rename,
 * of which only one of several who try succeeds.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readProcessStat } from "../../../system/process-stat.ts";

/** A name for a folder of this process, another one each time. */
export function ownFolderName(): string {
  return [bootId(), processSpace(), process.pid, startOf(process.pid), randomUUID()].join("_");
}

/** The same for one that was taken over to be worked off. */
export function finisherFolderName(): string {
  return `${ownFolderName()}${finisherEnd}`;
}

export const isFinisherFolder = (name: string) => name.endsWith(finisherEnd);
const finisherEnd = "_finisher";

/**
 * What is known of the owner of a folder: it `lives`, or is `gone`, or went down with the whole
 * machine, after which nothing on the disk can be relied on (`crashed`), or is in another container
 * (`elsewhere`), where a number of a process means nothing here.
 */
export function stateOfOwner(folderName: string): "lives" | "gone" | "crashed" | "elsewhere" {
  const [boot, space, pid, start] = folderName.split("_");
  if (boot !== bootId()) return "crashed";
  if (space !== processSpace()) return "elsewhere";
  return isProcess(Number(pid), start ?? "") ? "lives" : "gone";
}

function isProcess(pid: number, start: string): boolean {
  if (process.platform !== "linux") return isSignalled(pid);
  return startOf(pid) === start && !isDead(pid);
}

/** A zombie can still have threads that write. */
function isDead(pid: number): boolean {
  const state = readProcessStat(pid)?.state;
  if (state !== "Z" && state !== "X") return state === undefined;
  try {
    return readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    // It has ended between two looks.
    return true;
  }
}

/** Empty when there is no such process, or no procfs. */
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

/** Numbers of processes mean something within one such space. */
function processSpace(): string {
  return known("/proc/self/ns/pid", (path) => readlinkSync(path));
}

function known(path: string, read: (path: string) => string): string {
  try {
    return read(path).replace(/[^\w-]/g, "");
  } catch {
    // Another system than Linux.
    return "none";
  }
}
