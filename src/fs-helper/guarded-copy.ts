import { lstatSync } from "node:fs";
import { copyUnder, intoItself } from "../environment/local/files/trees/copy-tree.ts";
import type { Params } from "../protocol/methods.ts";
import {
  type HostPath,
  hostPath,
  isWithin,
  joinPath,
  nodePath,
  pathUriOf,
  splitPath,
} from "../protocol/path-uri.ts";
import { fileToReplace, rethrow } from "./file-to-write.ts";
import { renamed } from "./held-call.ts";
import { type Entry, type Holds, Unreachable } from "./held-place.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import { makeDirectory } from "./make-directory.ts";
import { absent, type Permit } from "./permit.ts";

interface Means {
  readonly direct: HelperFileSystem;
  readonly holds: Holds;
  readonly permit: Permit;
}

/**
 * Copies between two held places. The kind of the source decides how the destination is held: a
 * file is written through links, a link is created under the name itself, a tree is merged into
 * another.
 */
export async function guardedCopy(
  params: Params<"fs/copy">,
  means: Means,
): Promise<Record<string, never>> {
  const source = sourceOf(hostPath(params.sourcePath), means);
  if (!source.stats) throw absent();
  const { place, undo } = await destinationOf(params, source, means);
  const paths = { sourcePath: pathUriOf(source.at), destinationPath: pathUriOf(place.at) };
  try {
    return await copyUnder({ ...params, ...paths }, { guard: means.permit, source: source.stats });
  } catch (error) {
    const sourceNamed = renamed(error, source.at, hostPath(params.sourcePath));
    return undo(renamed(sourceNamed, place.at, hostPath(params.destinationPath)));
  }
}

/** The source by its name: a link is copied as a link. */
function sourceOf(path: HostPath, { holds, permit }: Means): Entry {
  try {
    const source = holds.entry(path);
    permit.read(source.real);
    return source;
  } catch (error) {
    throw error instanceof Unreachable ? permit.unreachable(error) : error;
  }
}

async function destinationOf(params: Params<"fs/copy">, source: Entry, means: Means) {
  const { holds, permit } = means;
  const path = hostPath(params.destinationPath);
  if (source.stats?.isDirectory() && params.recursive) {
    return { place: await treeToFill(path, source, means), undo: rethrow };
  }
  if (source.stats?.isFile()) {
    return fileToReplace({ path: params.destinationPath }, holds, permit);
  }
  const entry = holds.entry(path);
  permit.write(entry.real);
  return { place: entry, undo: rethrow };
}

async function treeToFill(path: HostPath, source: Entry, means: Means): Promise<Entry> {
  const { direct, holds, permit } = means;
  const { parent } = splitPath(path);
  // Checked before directories are created, which would be inside the source.
  if (isWithin(realOf(path, holds), source.real)) throw intoItself();
  if (!permit.isForeign(path)) {
    await makeDirectory({ path: parent, recursive: true, holds, permit, direct });
  }
  const place = holds.target(path);
  permit.fill(place.real, (relative) => {
    const counterpart = nodePath(joinPath(source.at, relative));
    return lstatSync(counterpart, { throwIfNoEntry: false }) !== undefined;
  });
  return place;
}

/** The real path, or what it would be if its missing components were created. */
function realOf(path: HostPath, holds: Holds): HostPath {
  try {
    return holds.target(path).real;
  } catch (error) {
    if (!(error instanceof Unreachable) || path === "/") throw error;
    const { parent, name } = splitPath(path);
    return joinPath(realOf(parent, holds), name);
  }
}
