import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stateDirectoryPath } from "../../../sandbox/state/state-directory.ts";
import { quickPlace } from "../../../system/quick-place.ts";

/**
 * Returns the directories for temporary files, without links, in which servers of this user may
 * keep journals; the first is used. Directories on a network or FUSE mount are left out, because
 * they could hold up every write.
 */
export function journalPlaces(temporaryDirectory: string): readonly string[] {
  return [...new Set([temporaryDirectory, "/tmp"].flatMap(journalPlace))];
}

/** The variable by which a server gives its seal secret, in hexadecimal, to its finisher. */
export const journalSecretVariable = "CODEX_JOURNAL_SECRET";

/** The folder of journals within the directory that servers of this user share. */
export const journalsName = "writes";

/** The folder with the journals of all servers of this user, in one of `journalPlaces`. */
export function journalsPath(place: string): string {
  return join(stateDirectoryPath(place), journalsName);
}

/** Whether a server of this user, running or killed, has left a journal. */
export function hasJournals(place: string): boolean {
  try {
    return readdirSync(journalsPath(place)).length > 0;
  } catch {
    // There is no journal yet, or the folder is not readable and so not ours.
    return false;
  }
}

function journalPlace(path: string): string[] {
  try {
    const place = quickPlace(path);
    return place === undefined ? [] : [place];
  } catch {
    // It does not exist or cannot be reached, so it can hold no journal.
    return [];
  }
}
