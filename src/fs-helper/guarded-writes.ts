import { unlinkSync } from "node:fs";
import type { FileAnswers } from "../environment/file-system.ts";
import type { Given } from "../protocol/methods.ts";
import { hostPath, nodePath } from "../protocol/path-uri.ts";
import type { AccessTable } from "../sandbox/access.ts";
import { guardedCopy } from "./guarded-copy.ts";
import { atHeld, type Named, refuseLinkedParent, refuseLinks, withHolds } from "./held-call.ts";
import type { Entry, Holds } from "./held-place.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import { makeDirectory } from "./make-directory.ts";
import { Permit } from "./permit.ts";

type Writes = "writeFile" | "createDirectory" | "remove" | "copy" | "open";

export function guardedWrites(
  direct: HelperFileSystem,
  table: AccessTable,
): Pick<FileAnswers, Writes> {
  const permit = new Permit(table);
  const holding = <T>(work: (holds: Holds) => Given<T>) =>
    withHolds((unreachable) => permit.unwritable(unreachable), work);
  return {
    writeFile: (params) =>
      holding((holds) => {
        const { place, undo } = fileToReplace(params, holds, permit);
        return atHeld(params, place, (at) => direct.writeFile({ ...params, ...at })).catch(undo);
      }),
    createDirectory: (params) =>
      holding(async (holds) => {
        const path = hostPath(params.path);
        const recursive = params.recursive !== false;
        const { followSymlinks } = params;
        await makeDirectory({ path, recursive, followSymlinks, holds, permit, direct });
        return {};
      }),
    remove: (params) =>
      holding((holds) => {
        const entry = holds.entry(hostPath(params.path));
        refuseLinkedParent(params, entry);
        if (entry.stats) permit.remove(entry.real);
        return atHeld(params, entry, (at) => direct.remove({ ...params, ...at }));
      }),
    copy: (params) => holding((holds) => guardedCopy(params, { direct, holds, permit })),
    open: (params) =>
      holding((holds) => {
        const { place, undo } = fileToReplace(params, holds, permit);
        return atHeld(params, place, (at) => direct.open({ ...params, ...at })).catch(undo);
      }),
  };
}

/** A file that may be written, made now if there is none; `undo` takes it away when that fails. */
export function fileToReplace(params: Named, holds: Holds, permit: Permit) {
  refuseLinks(params, holds);
  const path = hostPath(params.path);
  const held = holds.reached(path);
  if (held && permit.canWrite(held.real)) return { place: held, undo: rethrow };
  const target = holds.target(path);
  permit.write(target.real);
  return target.stats ? existing(target, holds, permit) : made(target, holds);
}

function existing(target: Entry, holds: Holds, permit: Permit) {
  const pinned = holds.pinned(target);
  permit.write(pinned.real);
  return { place: pinned, undo: rethrow };
}

function made(target: Entry, holds: Holds) {
  const undo = (error: unknown) => {
    unlinkSync(nodePath(target.at));
    return rethrow(error);
  };
  return { place: holds.created(target), undo };
}

export function rethrow(error: unknown): never {
  throw error;
}
