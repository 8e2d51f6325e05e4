import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { linksFollowedMax } from "../../../limits.ts";
import { stateDirectoryPath } from "../../../sandbox/state-directory.ts";
import { mayHangAlone } from "../mount-lanes.ts";

/**
 * The folders for temporary files, without links, in which servers of this user may keep journals;
 * the first one is taken. What is on a network or on a FUSE daemon could hold up every write, so it
 * is none of them.
 */
export function journalPlaces(temporaryDirectory: string): readonly string[] {
  return [...new Set([temporaryDirectory, "/tmp"].flatMap(quickPlace))];
}

/** By which a server tells whoever is to finish its writes what it has sealed them with. */
export const journalSecretVariable = "CODEX_JOURNAL_SECRET";

/** In the directory that servers of this user share. */
export const journalsName = "writes";

/** Where in such a folder the journals of all servers of this user are. */
export function journalsPath(place: string): string {
  return join(stateDirectoryPath(place), journalsName);
}

/** Whether there is any, of a server that lives or of one that was killed. */
export function hasJournals(place: string): boolean {
  try {
    return readdirSync(journalsPath(place)).length > 0;
  } catch {
    // Nobody has written anything yet; or it is not ours to read, and then not our journal.
    return false;
  }
}

/** Looks at one component after the other, because already a look at a dead mount hangs. */
function quickPlace(path: string): string[] {
  let place = resolve(path);
  try {
    for (let links = 0; links < linksFollowedMax; links++) {
      if (mayHangAlone(place)) return [];
      const next = withoutFirstLink(place);
      if (next === place) return [place];
      place = next;
    }
  } catch {
    // It is not there, or cannot be reached: then nothing can be kept in it.
  }
  return [];
}

function withoutFirstLink(path: string): string {
  const names = path.split("/");
  for (let count = 2; count <= names.length; count++) {
    const way = names.slice(0, count).join("/");
    if (!lstatSync(way).isSymbolicLink()) continue;
    return resolve(join(way, ".."), readlinkSync(way), ...names.slice(count));
  }
  return path;
}
