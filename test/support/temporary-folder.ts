import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import type { Scope } from "./last-first.ts";

/**
 * A new folder, which goes with its owner. `name` begins its own; below the system's temporary
 * folder, unless it says where.
 */
export function temporaryFolder(owner: Scope, name: string): string {
  const folder = mkdtempSync(resolve(tmpdir(), `${name}-`));
  owner.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
