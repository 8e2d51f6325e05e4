import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ServerJournal } from "../src/environment/local/journal/journal.ts";
import { hasOwnMounts, mountHindrance, testInOwnMounts } from "./support/own-mounts.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const skip = hasOwnMounts ? false : mountHindrance();

test("in a mount namespace of their own", { skip: skip || hasOwnMounts }, () =>
  testInOwnMounts(import.meta.url),
);

test("a slip on a disk that fails is given back all the same", async (t) => {
  const place = temporaryFolder(t, "lent-slips");
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const journal = new ServerJournal({ place, begun: () => {}, isExposed: () => false, warn });
  const slip = await journal.lend({ rules: [], denyGlobs: [] });
  assert.ok(slip);
  // From now on every call about it fails.
  closeSync(slip.fd);
  assert.equal(slip.isThere, false);
  await slip.finish();
  await journal.close();
  assert.deepEqual(warnings, []);
});

test("nothing is left of slips for which there was no room", {
  skip: skip || !hasOwnMounts,
}, async (t) => {
  const place = mkdtempSync(join(tmpdir(), "lent-slips-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", place]);
  t.after(() => {
    execFileSync("umount", [place]);
    rmSync(place, { recursive: true });
  });
  const journal = new ServerJournal({
    ...{ place, begun: () => {}, isExposed: () => false, warn: () => {} },
  });
  const grants = { rules: [], denyGlobs: [] };
  const slip = await journal.lend(grants);
  await slip?.finish();
  const before = readdirSync(journal.folder);
  const filling = join(place, "filling");
  assert.throws(() => writeFileSync(filling, new Uint8Array(300_000)), { code: "ENOSPC" });
  assert.equal(await journal.lend(grants), undefined);
  assert.deepEqual(readdirSync(journal.folder), before);
  await journal.close();
  assert.equal(existsSync(journal.folder), false);
});
