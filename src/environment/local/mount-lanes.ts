/**
 * Keeps file systems that hang from taking all threads of Node's pool, on which every file call and
 * every start of a process runs: of each mount that depends on somebody else (a network's server, a
 * FUSE daemon) only so many calls are under way at once, and further ones wait for those. A
 * symbolic link to such a mount counts for where it lies; for these there are more threads than one
 * mount's.
 */
import type { MaybePromise } from "../../protocol/methods.ts";
import { hangingMounts } from "../../sandbox/hanging-mounts.ts";
import { type Lane, Lanes } from "../../sandbox/mount-lane.ts";
import { callDirectly, type FileCall } from "./direct-calls.ts";

/** Makes a call about a path: at once, unless its file system may hang and is busy. */
export function callAt<T>(path: string, call: FileCall<T>): MaybePromise<T> {
  return callIn(laneAt(path), call);
}

/** The same for a call that depends on all of these paths. */
export function callAtAll<T>(paths: readonly string[], call: () => Promise<T>): Promise<T> {
  // One lane is enough to bound it, and who waits for two at once can wait for ever.
  for (const path of paths) {
    const lane = laneAt(path);
    if (lane) return lane.run(call);
  }
  return call();
}

/** The same for an open file, which hangs with the file system it was opened on. */
export function callOn<T>(fd: number, call: FileCall<T>): MaybePromise<T> {
  return callIn(lanesOfFiles.get(fd), call);
}

/** Opens a file, whose later calls keep to the lane of its path. */
export function openAt(path: string, open: FileCall<number>): MaybePromise<number> {
  const lane = laneAt(path);
  return lane ? openIn(lane, open) : callIn(lane, open);
}

async function openIn(lane: Lane, open: FileCall<number>): Promise<number> {
  const fd = await lane.run(open.later);
  lanesOfFiles.set(fd, lane);
  return fd;
}

/** Closes a file. Its number is free for the next one as soon as the call has been made. */
export function closeOf<T>(fd: number, close: FileCall<T>): MaybePromise<T> {
  const lane = lanesOfFiles.get(fd);
  if (lane === undefined) return callIn(lane, close);
  return lane.run(() => {
    lanesOfFiles.delete(fd);
    return close.later();
  });
}

/**
 * Where nothing is mounted that may hang, the event loop makes the call itself. Where something is,
 * it never does: a link in a path that looks local may lead there.
 */
function callIn<T>(lane: Lane | undefined, call: FileCall<T>): MaybePromise<T> {
  if (lane) return lane.run(call.later);
  return hasRemoteMounts() ? call.later() : callDirectly(call);
}

/** Then no call is made on the event loop, for a link may lead to any of them. */
export const hasRemoteMounts = (): boolean => currentMounts().length > 0;

/**
 * For a process that serves one request after the other: a call that hangs can hold up nobody else
 * there, so that none is handed to a thread, and the table, which takes 0.4 ms the first time, is
 * not read.
 */
export function callAllDirectly(): void {
  isAlone = true;
}

let isAlone = false;

const lanes = new Lanes();
const lanesOfFiles = new Map<number, Lane>();

function laneAt(path: string): Lane | undefined {
  const mounts = currentMounts();
  if (mounts.length === 0) return undefined;
  const held = /^\/proc\/self\/fd\/(\d+)/.exec(path)?.[1];
  if (held !== undefined) return lanesOfFiles.get(Number(held));
  return lanes.of(path, mounts);
}

const noMounts: readonly string[] = [];

const currentMounts = () => (isAlone ? noMounts : hangingMounts());
