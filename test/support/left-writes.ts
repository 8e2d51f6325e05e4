import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { WriteEntry } from "../../src/environment/local/journal/entry.ts";
import { finishWrites } from "../../src/environment/local/journal/finish.ts";
import { ownFolderName } from "../../src/environment/local/journal/owner.ts";
import { journalsPath } from "../../src/environment/local/journal/place.ts";
import { seal, sealName } from "../../src/environment/local/journal/seal.ts";
import { JournalSlip } from "../../src/environment/local/journal/slip.ts";
import { hostPathOf } from "../../src/protocol/path-uri.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The number of a process that has ended. */
const dead = spawnSync("/bin/true").pid;
/** What the servers of these tests seal with. */
export const secret = Buffer.alloc(32, "secret");
/** Content that a record is made of in more than one step. */
export const wanted = Buffer.alloc(10_000, "n");

export interface Ground {
  readonly folder: string;
  readonly journals: string;
  readonly path: (name: string) => string;
}

export function makeGround(t: TestContext): Ground {
  const folder = temporaryFolder(t, "finish-writes");
  mkdirSync(journalsPath(folder), { recursive: true, mode: 0o700 });
  const path = (name: string) => join(folder, name);
  return { folder, journals: journalsPath(folder), path };
}

/** Records a write as a server does whose process has ended since. */
export async function leave(
  ground: Ground,
  entry: WriteEntry,
  name = leftName(),
): Promise<JournalSlip> {
  return leaveSlip(join(ground.journals, name), entry);
}

export async function leaveSlip(folder: string, entry: WriteEntry, prefix = "") {
  leaveFolder(folder);
  const count = readdirSync(folder).filter((name) => name !== sealName).length;
  const slip = new JournalSlip(join(folder, `${prefix}${count}`));
  await slip.record(entry, wanted);
  return slip;
}

/** As a server makes it, if it is not there yet. */
export function leaveFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) seal(folder, [secret]);
}

/** As whoever knows what was sealed with `secret`. */
export const finish = ({ journals }: Ground, limitMs?: number) =>
  finishWrites(journals, { secret, limitMs });

export const leftName = () => ownFolderName().replace(`_${process.pid}_`, `_${dead}_`);

export function entryOf(path: string, oldSize = statSync(path).size): WriteEntry {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path: hostPathOf(path), device: `${dev}`, inode: `${ino}`, oldSize };
}

/** A file that is to be made in a folder. */
export function newEntry(folder: string, name: string): WriteEntry {
  const { oldSize: _, ...entry } = entryOf(folder);
  return { ...entry, path: hostPathOf(join(folder, name)) };
}

/** What a server may leave that is killed while it writes that. */
export const torn = Buffer.concat([wanted.subarray(0, 4096), Buffer.alloc(8000, "o")]);
