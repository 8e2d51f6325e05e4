/**
 * Slips that other processes write. Beside each slip the server stores the grants of its process,
 * out of that process's reach: a finisher, which may have more rights, need not trust the record. A
 * lent slip without its grants is not redone.
 */
import { rmSync, writeFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { HostPath } from "../../../protocol/path-uri.ts";
import { accessTable, type Grants } from "../../../sandbox/policy/access.ts";
import { JournalSlip } from "./slip.ts";

type MayWrite = (path: HostPath) => boolean;

const lentStart = "lent-";
const grantsEnd = ".grants";

export const lentName = (number: number) => `${lentStart}${number}`;
export const isGrants = (name: string) => name.endsWith(grantsEnd);
export const grantsPath = (slip: string) => `${slip}${grantsEnd}`;

export function grantedBy(grants: Grants): MayWrite {
  const table = accessTable(grants);
  return (path) => table.accessTo(path) === "write";
}

/** Creates a slip for a process that may write what `grants` allow. */
export function newLentSlip(path: string, grants: Grants): JournalSlip {
  try {
    keepGrants(path, grants);
    return new JournalSlip(path);
  } catch (error) {
    // On a full disk the grants' file may exist without its content.
    dropGrants(path);
    throw error;
  }
}

/**
 * Stores grants with mode 0, as slips have it: sandboxed processes that see them cannot read them.
 */
export function keepGrants(slip: string, { rules, denyGlobs }: Grants): void {
  writeFileSync(grantsPath(slip), JSON.stringify({ rules, denyGlobs }), { flag: "wx", mode: 0 });
}

export function dropGrants(slip: string): void {
  rmSync(grantsPath(slip), { force: true });
}

/** Tells which paths the writer of a slip may write: all if it was the server itself. */
export async function mayWriteBy(slip: string): Promise<MayWrite> {
  if (!basename(slip).startsWith(lentStart)) return () => true;
  const path = grantsPath(slip);
  await chmod(path, 0o600);
  return grantedBy(JSON.parse(await readFile(path, "utf8")));
}
