import { Buffer } from "node:buffer";
import type { FileAnswers } from "../environment/file-system.ts";
import { metadataOf } from "../environment/local/files/file-metadata.ts";
import { walkUnder } from "../environment/local/files/trees/walk-tree.ts";
import type { MaybePromise } from "../protocol/methods.ts";
import { type HostPath, hostPath, joinPath, pathUriOf } from "../protocol/path-uri.ts";
import { plainResult } from "../protocol/written-result.ts";
import type { AccessTable } from "../sandbox/policy/access.ts";
import { atHeld, type Named, refuseLinks, withHolds } from "./held-call.ts";
import type { Entry, Held, Holds } from "./held-place.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import { Permit } from "./permit.ts";

type Reads = "readFile" | "getMetadata" | "canonicalize" | "readDirectory" | "walk" | "open";

export function guardedReads(
  direct: HelperFileSystem,
  table: AccessTable,
): Pick<FileAnswers, Reads> {
  const permit = new Permit(table);
  const isVisible = (real: HostPath) => permit.canRead(real);
  const holding = <T>(work: (holds: Holds) => MaybePromise<T>) =>
    withHolds((unreachable) => permit.unreachable(unreachable), work);
  return {
    readFile: (params) =>
      holding((holds) =>
        atHeld(params, fileToRead(params, holds, permit), (at) =>
          direct.readFile({ ...params, ...at }),
        ),
      ),
    getMetadata: (params) =>
      holding((holds) => {
        const { entry } = inspected(params, holds, permit);
        // A link itself cannot redirect the call, and `direct` reports its kind.
        if (params.followSymlinks === false) return direct.getMetadata(params);
        if (entry.stats?.isSymbolicLink() === false) return metadataOf(entry.stats, false);
        return atHeld(params, entry, (at) => direct.getMetadata(at));
      }),
    canonicalize: (params) =>
      holding(async (holds) => {
        const { place } = inspected(params, holds, permit);
        if (!place.stats || params.followSymlinks === false) return direct.canonicalize(params);
        return { path: pathUriOf(place.real) };
      }),
    readDirectory: (params) =>
      holding(async (holds) => {
        const { place } = inspected(params, holds, permit);
        const { entries } = plainResult(await listed(params, place, { holds, direct }));
        return { entries: entries.filter(visibleIn(place.real, table)) };
      }),
    walk: (params) =>
      holding(async (holds) => {
        const path = hostPath(params.path);
        const target = holds.target(path);
        permit.read(target.real);
        const entry = params.options.followDirectorySymlinks ? target : holds.entry(path);
        permit.read(entry.real);
        // `walkUnder` checks that each directory is where its path says.
        if (params.followSymlinks === false) return walkUnder(params, { isVisible });
        return atHeld(params, entry, (at) =>
          walkUnder({ ...params, ...at }, { isVisible, rootName: path }),
        );
      }),
    open: (params) =>
      holding((holds) =>
        atHeld(params, fileToRead(params, holds, permit), (at) =>
          direct.open({ ...params, ...at }),
        ),
      ),
  };
}

/** An existing file, pinned; or an entry without a file, which the read reports as absent. */
function fileToRead(params: Named, holds: Holds, permit: Permit): Held {
  refuseLinks(params, holds);
  const path = hostPath(params.path);
  const held = holds.reached(path);
  if (held && permit.canRead(held.real)) return held;
  const target = holds.target(path);
  permit.read(target.real);
  if (!target.stats) return target;
  const pinned = holds.pinned(target);
  permit.read(pinned.real);
  return pinned;
}

/** Lists a directory. Where links are refused, `direct` holds the directory itself. */
function listed(params: Named, place: Entry, means: { holds: Holds; direct: HelperFileSystem }) {
  const { holds, direct } = means;
  if (params.followSymlinks === false || !place.stats) return direct.readDirectory(params);
  return atHeld(params, holds.pinned(place), (at) => direct.readDirectory(at));
}

/**
 * Resolves a path for a lookup. Directories that lead to a grant are visible too, or no client
 * could find what is granted.
 */
function inspected(params: Named, holds: Holds, permit: Permit) {
  const path = hostPath(params.path);
  const entry = holds.entry(path);
  const isItself = params.followSymlinks === false || !entry.stats?.isSymbolicLink();
  const place = isItself ? entry : holds.target(path);
  permit.inspect(place.real);
  return { entry, place };
}

/** Filters the entries of a directory that only leads to a grant: all others are hidden. */
function visibleIn(directory: HostPath, table: AccessTable) {
  if (table.accessTo(directory) !== "none") return () => true;
  return ({ fileName }: { fileName: string }) => {
    const path = joinPath(directory, Buffer.from(fileName, "utf8").toString("latin1"));
    return table.accessTo(path) !== "none" || table.leadsToGrant(path);
  };
}
