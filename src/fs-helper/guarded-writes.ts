import type { FileAnswers } from "../environment/file-system.ts";
import { fileRemover } from "../environment/local/files/trees/remove-tree.ts";
import { errorCodes } from "../protocol/errors.ts";
import type { MaybePromise, Params } from "../protocol/methods.ts";
import { hostPath } from "../protocol/path-uri.ts";
import type { AccessTable } from "../sandbox/policy/access.ts";
import { fileToReplace, fileToResume } from "./file-to-write.ts";
import { guardedCopy } from "./guarded-copy.ts";
import { atHeld, refuseLinkedParent, withHolds } from "./held-call.ts";
import { type Holds, Unreachable } from "./held-place.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import { makeDirectory } from "./make-directory.ts";
import { Permit } from "./permit.ts";

type Writes = "writeFile" | "createDirectory" | "remove" | "copy" | "open";

export function guardedWrites(
  direct: HelperFileSystem,
  table: AccessTable,
): Pick<FileAnswers, Writes> {
  const permit = new Permit(table);
  // Checked for each directory, because a process that was started meanwhile may have mount points
  // in the tree, which must stay.
  const remove = fileRemover({ guard: (real) => permit.remove(real) });
  const holding = <T>(work: (holds: Holds) => MaybePromise<T>) =>
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
        const entry = entryToRemove(params, holds, permit);
        if (!entry) return {};
        refuseLinkedParent(params, entry);
        if (entry.stats) permit.remove(entry.real);
        return atHeld(params, entry, (at) => remove({ ...params, ...at }));
      }),
    copy: (params) => holding((holds) => guardedCopy(params, { direct, holds, permit })),
    open: (params) =>
      holding((holds) => {
        const fileToOpen = params.mode === "resume" ? fileToResume : fileToReplace;
        const { place, undo } = fileToOpen(params, holds, permit);
        return atHeld(params, place, (at) => direct.open({ ...params, ...at })).catch(undo);
      }),
  };
}

/** Undefined when even its directory is absent, which counts as removed unless `force` is false. */
function entryToRemove(params: Params<"fs/remove">, holds: Holds, permit: Permit) {
  try {
    return holds.entry(hostPath(params.path));
  } catch (error) {
    if (!(error instanceof Unreachable) || permit.isForeign(error.path)) throw error;
    const refusal = permit.unreachable(error);
    if (params.force !== false && refusal.code === errorCodes.notFound) return undefined;
    throw refusal;
  }
}
