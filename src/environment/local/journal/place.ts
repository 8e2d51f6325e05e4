import { readdirSync } from "node:fs";
import { join } from "node:path";
import { quickPlace } from "../../../sandbox/quick-place.ts";
import { stateDirectoryPath } from "../../../sandbox/state-directory.ts";

/**
 * The folders for temporary files, without links, in which servers of this user may keep journals;
 * the first one is taken. What is on a network or on a FUSE daemon could hold up every write, so it
 * is none of them.
 */
export function journalPlaces(temporaryDirectory: string): readonly string[] {
  return [...new Set([temporaryDirectory, "/tmp"].flatMap(journalPlace))];
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

function journalPlace(path: string): string[] {
  try {
    const place = quickPlace(path);
    return place === undefined ? [] : [place];
  } catch {
    // It is not there, or cannot be reached: then nothing can be kept in it.
    return [];
  }
}
