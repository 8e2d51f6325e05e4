/** What is to be mounted, and in what order. Pure. */
import type { HostPath } from "../protocol/path-uri.ts";
import { splitPath } from "../protocol/path-uri.ts";
import { isBelow, isWithin } from "./access.ts";

export type Mount =
  | {
      readonly kind: "read" | "write" | "hideFile" | "hideDirectory" | "hold";
      readonly path: HostPath;
    }
  | { readonly kind: "link"; readonly path: HostPath; readonly target: HostPath };

/** What lies under the mounts: the host's tree for reading, for writing, or nothing at all. */
export type Base = "readAll" | "writeAll" | "nothing";

/**
 * What lies in a directory comes after it; what would only repeat the base is left out. `kept` are
 * directories that nobody inside may write, whatever is granted.
 */
export function orderedMounts(
  base: Base,
  mounts: readonly Mount[],
  kept: readonly HostPath[] = [],
): Mount[] {
  const asked = inOrder(mounts)
    // A sandbox has a procfs of its own; that of the host would show, and lead to, other processes.
    .filter((mount) => !isWithin(mount.path, "/proc") || (isHiding(mount) && !isProcess(mount)))
    .filter(({ path, kind }) => kind !== "write" || !kept.some((own) => isWithin(path, own)));
  const keeping = kept
    .filter((path) => isWritableIn(base, mounts, path))
    .map((path) => ({ kind: "read", path }) as const);
  const all = inOrder([...keeping, ...asked]);
  const needed = all.filter((mount) => !isIdle(mount, base, all));
  return inOrder([...needed, ...holds(base, needed)]);
}

/** Of several mounts for one place the first counts. */
function inOrder(mounts: readonly Mount[]): Mount[] {
  const unique = new Map<string, Mount>();
  for (const mount of mounts) if (!unique.has(mount.path)) unique.set(mount.path, mount);
  return [...unique.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isIdle(mount: Mount, base: Base, all: readonly Mount[]): boolean {
  const around = all.filter((other) => isBelow(mount.path, other.path));
  if (around.some(({ kind }) => kind === "hideDirectory" || kind === "hideFile")) return true;
  if (mount.kind === "read") {
    if (base === "writeAll") return false;
    const nearest = around.at(-1)?.kind;
    return nearest === "read" || (base === "readAll" && nearest === undefined);
  }
  const isNowhere = base === "nothing" && around.length === 0 && !isWithin(mount.path, "/proc");
  return isHiding(mount) && isNowhere;
}

function isHiding({ kind }: Mount): boolean {
  return kind === "hideFile" || kind === "hideDirectory";
}

/** Those of the host have no names inside. */
function isProcess({ path }: Mount): boolean {
  return /^\/proc\/\d/.test(path);
}

/**
 * A mount goes along when a directory above it is renamed, and its name becomes free. So every
 * writable directory on the way to a mount is mounted onto itself, which the kernel lets nobody
 * rename.
 */
function holds(base: Base, mounts: readonly Mount[]): Mount[] {
  const kinds = new Map(mounts.map(({ path, kind }) => [path, kind]));
  const ways = mounts.flatMap(({ path }) => directoriesTo(path));
  return [...new Set(ways)]
    .filter((path) => !kinds.has(path) && isWritableAt(base, kinds, path))
    .map((path) => ({ kind: "hold", path }));
}

function directoriesTo(path: HostPath): HostPath[] {
  const { parent } = splitPath(path);
  return parent === "/" ? [] : [...directoriesTo(parent), parent];
}

function isWritableIn(base: Base, mounts: readonly Mount[], path: HostPath): boolean {
  return isWritableAt(base, new Map(mounts.map((mount) => [mount.path, mount.kind])), path);
}

/** Whether the nearest mount around `path`, or the base if there is none, can be written. */
function isWritableAt(base: Base, kinds: Map<HostPath, Mount["kind"]>, path: HostPath): boolean {
  for (let at = path; at !== "/"; at = splitPath(at).parent) {
    const kind = kinds.get(at);
    if (kind !== undefined) return kind === "write";
  }
  return base === "writeAll";
}
