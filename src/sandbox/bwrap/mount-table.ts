/**
 * Verifies bwrap's mounts. bwrap gets paths, and resolves them some milliseconds after the survey:
 * a process that may write a directory of a path can put a link there for that moment, so that
 * something else is mounted or covered. The kernel's mount table tells what is mounted, not how it
 * was found, so that no later renaming deceives.
 */
import type { HostPath } from "../../protocol/path-uri.ts";
import { isLocalType, unescaped } from "../../system/remote-mounts.ts";
import type { Mount } from "../policy/mounts.ts";
import { WorldChangedError } from "../policy/world-changed-error.ts";
import type { BwrapPlan } from "./bwrap.ts";

/** The relevant fields of a line of `mountinfo`. */
interface TableEntry {
  readonly device: string;
  /** The directory of the file system that is mounted there. */
  readonly root: string;
  readonly isReadOnly: boolean;
  readonly type: string;
}

/** `mountinfo` of a sandbox, and of this server at that time. */
export interface MountTables {
  readonly inside: string;
  readonly outside: string;
}

/**
 * Throws when bwrap has made other mounts than intended: when the table of the sandbox does not
 * show each of `mounts` as the server's table implies. For network file systems that do not tell
 * their mounted directory, only the device is compared.
 */
export function refuseMisplaced(
  mounts: readonly Mount[],
  masks: BwrapPlan["masks"],
  tables: MountTables,
): void {
  const outside = outerEntries(tables.outside);
  const points = new Set<string>(mounts.map(({ path }) => path));
  const inside = entriesOf(tables.inside, (point) => points.has(point));
  const isAsMeant = (mount: Mount) => {
    const source = sourceOf(mount, masks);
    if (source === undefined) return true;
    const found = inside.get(mount.path);
    const meant = entryAt(source, outside);
    return found !== undefined && (meant === undefined || isSame(found, meant, mount.kind));
  };
  if (!mounts.every(isAsMeant)) throw new WorldChangedError();
}

/** The source of a bind mount; undefined for anything else. */
function sourceOf(mount: Mount, masks: BwrapPlan["masks"]): HostPath | undefined {
  if (mount.kind === "link") return undefined;
  if (mount.kind === "hideFile") return masks.file;
  return mount.kind === "hideDirectory" ? masks.directory : mount.path;
}

function isSame(found: TableEntry, meant: TableEntry, kind: Mount["kind"]): boolean {
  if (found.device !== meant.device) return false;
  if (isLocalType(meant.type) && found.root !== meant.root) return false;
  const isForWriting = kind === "write" || kind === "hold";
  return isForWriting ? found.isReadOnly === meant.isReadOnly : found.isReadOnly;
}

/**
 * The entry that a bind mount of this path would have; undefined where the table does not know it.
 */
function entryAt(path: HostPath, table: Map<string, TableEntry>): TableEntry | undefined {
  for (let point: string = path; ; point = point.slice(0, point.lastIndexOf("/")) || "/") {
    const entry = table.get(point);
    if (entry) {
      const rest = point === "/" ? path : path.slice(point.length);
      const root = `${entry.root === "/" ? "" : entry.root}${rest === "/" ? "" : rest}`;
      return { ...entry, root: root || "/" };
    }
    if (point === "/") return undefined;
  }
}

let lastOuter = { table: "", entries: new Map<string, TableEntry>() };

/** Cached, because it hardly ever changes. */
function outerEntries(table: string): Map<string, TableEntry> {
  if (lastOuter.table !== table) lastOuter = { table, entries: entriesOf(table, () => true) };
  return lastOuter.entries;
}

/** Entries by mount point. Of several on one point the last one counts, which is on top. */
function entriesOf(table: string, isWanted: (point: string) => boolean): Map<string, TableEntry> {
  const entries = new Map<string, TableEntry>();
  for (const line of table.split("\n")) {
    const [, , device = "", root = "", escaped = "", options = ""] = line.split(" ", 6);
    const point = unescaped(escaped);
    if (!isWanted(point)) continue;
    const type = line.slice(line.indexOf(" - ") + 3).split(" ", 1)[0] ?? "";
    const isReadOnly = options.split(",", 1)[0] === "ro";
    entries.set(point, { device, root: unescaped(root), isReadOnly, type });
  }
  return entries;
}
