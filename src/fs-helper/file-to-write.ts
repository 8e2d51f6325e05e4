import { lstatSync, statSync, unlinkSync } from "node:fs";
import { hasCode } from "../environment/local/files/calls/file-calls.ts";
import { identity } from "../environment/local/files/trees/copy-file.ts";
import { type HostPath, hostPath, nodePath } from "../protocol/path-uri.ts";
import { type Named, refuseLinks } from "./held-call.ts";
import type { Entry, Held, Holds } from "./held-place.ts";
import { absent, type Permit } from "./permit.ts";

/**
 * Holds a file for writing, created now if absent; `undo` removes it again when the write fails.
 */
export function fileToReplace(params: Named, holds: Holds, permit: Permit) {
  refuseLinks(params, holds);
  const path = hostPath(params.path);
  const held = holds.reached(path);
  if (held && permit.canWrite(held.real)) return { place: held, undo: rethrow };
  try {
    return foundOrMade(path, holds, permit);
  } catch (error) {
    // Another worker has made the file since we looked, and may be writing the same.
    if (!hasCode(error, "EEXIST")) throw error;
    return foundOrMade(path, holds, permit);
  }
}

function foundOrMade(path: HostPath, holds: Holds, permit: Permit) {
  const target = holds.target(path);
  permit.write(target.real);
  return target.stats ? existing(target, holds, permit) : made(target, holds);
}

/** The same for a file that must exist. */
export function fileToResume(params: Named, holds: Holds, permit: Permit) {
  refuseLinks(params, holds);
  const target = holds.target(hostPath(params.path));
  permit.write(target.real);
  if (!target.stats) throw absent();
  return existing(target, holds, permit);
}

function existing(target: Entry, holds: Holds, permit: Permit) {
  const pinned = holds.pinned(target);
  permit.write(pinned.real);
  return { place: pinned, undo: rethrow };
}

function made(target: Entry, holds: Holds) {
  const place = holds.created(target);
  const undo = (error: unknown) => {
    removeAgain(target, place);
    return rethrow(error);
  };
  return { place, undo };
}

/** Removes a created file, unless another process has put its own file there or removed ours. */
function removeAgain({ at }: Entry, made: Held): void {
  try {
    const [named, ours] = [lstatSync(nodePath(at)), statSync(nodePath(made.at))];
    if (identity(named) === identity(ours)) unlinkSync(nodePath(at));
  } catch {
    // The error of the write itself says more.
  }
}

export function rethrow(error: unknown): never {
  throw error;
}
