import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stateDirectoryPath } from "../../../sandbox/state-directory.ts";

/** Where the journals of all servers of this user are. */
export function journalsPath(temporaryDirectory: string): string {
  return join(stateDirectoryPath(temporaryDirectory), "writes");
}

/** Whether there is any, of a server that lives or of one that was killed. */
export function hasJournals(temporaryDirectory: string): boolean {
  try {
    return readdirSync(journalsPath(temporaryDirectory)).length > 0;
  } catch {
    // Nobody has written anything yet; or it is not ours to read, and then not our journal.
    return false;
  }
}
