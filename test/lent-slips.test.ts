import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { ServerJournal } from "../src/environment/local/journal/journal.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

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
