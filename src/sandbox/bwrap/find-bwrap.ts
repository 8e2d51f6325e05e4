import type { Stats } from "node:fs";
import { askedOnce } from "../../async/asked-once.ts";
import { type HostPath, hostPathOf } from "../../protocol/path-uri.ts";
import { locate } from "../policy/real-path.ts";
import { executableFile } from "./executable-file.ts";

/** A bwrap of this machine. `identity` changes when another file takes its place. */
export interface Bwrap {
  readonly path: string;
  readonly identity: string;
  readonly isSetuid: boolean;
}

interface Folder {
  readonly path: string;
  /** The real path, or what it would be if the missing part were created. */
  readonly real: () => Promise<HostPath>;
  /** Whether a confined process could have written there. */
  wasExposed: boolean;
}

/** Searches the directories of a PATH for bwrap. */
export class BwrapSearch {
  readonly #folders: readonly Folder[];

  constructor(searchPath: string) {
    // A relative directory of a PATH depends on the working directory, where a confined process may
    // have put anything.
    const paths = searchPath.split(":").filter((entry) => entry.startsWith("/"));
    this.#folders = paths.map(asFolder);
  }

  /**
   * The first bwrap outside of workspaces, now and since this search was made: one put there by a
   * confined process would confine nothing, and would itself run unconfined. `isInWorkspace` gets
   * real paths.
   */
  async find(isInWorkspace: (path: HostPath) => boolean = () => false): Promise<Bwrap | undefined> {
    // In parallel, because in sequence they would delay the answer to `initialize`.
    const asked = this.#folders.map(({ path }) => bwrapAt(`${path}/bwrap`));
    const exposed = new Set(this.#folders.filter(({ path }) => isInWorkspace(hostPathOf(path))));
    for (const [at, folder] of this.#folders.entries()) {
      const found = await asked[at];
      const places = [await folder.real(), ...(found ? [found.real] : [])];
      if (places.some(isInWorkspace)) exposed.add(folder);
      if (!found || folder.wasExposed || exposed.has(folder)) continue;
      for (const each of exposed) each.wasExposed = true;
      return found.bwrap;
    }
    // Without any bwrap no process is confined, so none can have put anything there.
    return undefined;
  }
}

function asFolder(path: string): Folder {
  const named = hostPathOf(path);
  const real = askedOnce(async () => (await locate(named).catch(() => ({ real: named }))).real);
  return { path, real, wasExposed: false };
}

export function bwrapIdentity(path: string, { dev, ino, mtimeMs }: Stats): string {
  return `${path}:${dev}:${ino}:${mtimeMs}`;
}

interface Found {
  readonly bwrap: Bwrap;
  readonly real: HostPath;
}

async function bwrapAt(path: string): Promise<Found | undefined> {
  const file = await executableFile(path);
  if (!file) return undefined;
  const { stats, real } = file;
  const isSetuid = (stats.mode & 0o4000) !== 0;
  return { bwrap: { path, identity: bwrapIdentity(path, stats), isSetuid }, real };
}
