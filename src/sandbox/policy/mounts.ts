/** The mounts of a sandbox and their order. Pure. */
import { type HostPath, isBelow, isWithin, splitPath } from "../../protocol/path-uri.ts";

export type Mount =
  | {
      readonly kind: "read" | "write" | "hideFile" | "hideDirectory" | "hold";
      readonly path: HostPath;
    }
  | { readonly kind: "link"; readonly path: HostPath; readonly target: HostPath };

/** What is below all mounts: the host's tree read-only, the same writable, or nothing. */
export type Base = "readAll" | "writeAll" | "nothing";

/**
 * Orders parents before children, and drops mounts that repeat the base. `kept` directories are
 * read-only inside, whatever is granted.
 */
export function orderedMounts(
  base: Base,
  mounts: readonly Mount[],
  kept: readonly HostPath[] = [],
): Mount[] {
  const asked = inOrder(mounts)
    // A sandbox has its own procfs; the host's would expose other processes.
    .filter((mount) => !isWithin(mount.path, "/proc") || (isHiding(mount) && !isProcess(mount)))
    .filter(({ path, kind }) => kind !== "write" || !kept.some((own) => isWithin(path, own)));
  const keeping = kept
    .filter((path) => isWritableIn(base, mounts, path))
    .map((path) => ({ kind: "read", path }) as const);
  const all = inOrder([...keeping, ...asked]);
  const needed = all.filter((mount) => !isIdle(mount, base, all));
  return inOrder([...needed, ...holds(base, needed)]);
}

/** Of several mounts on one path the first counts. */
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

/** Processes of the host do not appear in the sandbox's procfs. */
function isProcess({ path }: Mount): boolean {
  return /^\/proc\/\d/.test(path);
}

/**
 * A mount moves with a renamed ancestor, which frees its path. So every writable ancestor of a
 * mount is mounted onto itself, which the kernel lets no process rename.
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
