/**
 * Slips that other processes write. Beside each lies what its process may write, put there by the
 * server before, out of that process's reach: whoever finds its record does not have to trust it,
 * although he may have more rights. A slip without that is one by which nobody may write anything.
 */
import { rmSync, writeFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { HostPath } from "../../../protocol/path-uri.ts";
import { accessTable, type Grants } from "../../../sandbox/access.ts";
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

/** A new one, whose process may write what `grants` say. */
export function newLentSlip(path: string, grants: Grants): JournalSlip {
  try {
    keepGrants(path, grants);
    return new JournalSlip(path);
  } catch (error) {
    // On a full disk they may be there without their content.
    dropGrants(path);
    throw error;
  }
}

/** Nobody has a right on it, as on the slips: a sandboxed process that sees it cannot read it. */
export function keepGrants(slip: string, { rules, denyGlobs }: Grants): void {
  writeFileSync(grantsPath(slip), JSON.stringify({ rules, denyGlobs }), { flag: "wx", mode: 0 });
}

export function dropGrants(slip: string): void {
  rmSync(grantsPath(slip), { force: true });
}

/** What whoever wrote a slip may write: everything if it was the server itself. */
export async function mayWriteBy(slip: string): Promise<MayWrite> {
  if (!basename(slip).startsWith(lentStart)) return () => true;
  const path = grantsPath(slip);
  await chmod(path, 0o600);
  return grantedBy(JSON.parse(await readFile(path, "utf8")));
}
