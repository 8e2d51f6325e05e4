/**
 * Keeps hanging file systems from taking all threads of Node's pool, which every file call and
 * every start of a process needs. Each mount that depends on another machine or program (a network
 * file system, FUSE) has a lane: `remoteCallsMax` calls run at once, and further ones wait. A
 * symbolic link to such a mount counts for the mount it lies on; threads are left over for those.
 */
import type { MaybePromise } from "../protocol/methods.ts";
import { callDirectly, type FileCall } from "./direct-calls.ts";
import { hangingMounts } from "./hanging-mounts.ts";
import { type Lane, Lanes } from "./mount-lane.ts";

/** Makes a call about a path, in the lane of its mount if that may hang. */
export function callAt<T>(path: string, call: FileCall<T>): MaybePromise<T> {
  return callIn(laneAt(path), call);
}

/** Makes a call that depends on several paths, in the lane of the first whose mount may hang. */
export function callAtAll<T>(paths: readonly string[], call: () => Promise<T>): Promise<T> {
  // One lane bounds the call well enough; waiting for two lanes at once could deadlock.
  for (const path of paths) {
    const lane = laneAt(path);
    if (lane) return lane.run(call);
  }
  return call();
}

/** Makes a call about an open file, in the lane in which it was opened. */
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

/** Whether any mount may hang. Then no call is made on the event loop: a link may lead there. */
export const hasRemoteMounts = (): boolean => currentMounts().length > 0;

/**
 * Makes all calls directly from now on. For a process that serves one request after the other,
 * where a call that hangs blocks no other. It also saves reading the table of mounts, which
 * takes 0.4 ms the first time.
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
