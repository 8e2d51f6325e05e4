import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { auditTailBytes } from "../src/limits.ts";
import { chainStart, nextLine } from "../src/server/watch/audit-chain.ts";
import { tearEvent, tearOf } from "../src/server/watch/audit-tear.ts";
import { launchServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const folder = temporaryFolder({ after }, "audit-verify");

test("an audit log is verified in one go, also where torn pieces look like a million lines", async (t) => {
  const file = join(folder, "torn-lines.jsonl");
  const torn = Buffer.alloc(auditTailBytes, "\n");
  let end = nextLine(chainStart, { event: "server-started" });
  writeFileSync(file, `${end.text}\n`);
  for (let piece = 0; piece < 6; piece++) {
    end = nextLine(end, { event: tearEvent, ...tearOf(torn) });
    appendFileSync(file, `${torn}\n${end.text}\n`);
  }
  // Some seconds of a processor, however long a busy machine takes for them. Put together anew for
  // each line, the pieces took more than a minute.
  const startedBy = ["prlimit", "--cpu=30"] as const;
  const verifier = launchServer({ args: ["audit", "verify", file], startedBy });
  t.after(() => verifier.stop());
  const { code } = await within(240_000, "the answer", verifier.exited);
  assert.deepEqual([code, verifier.stdout().match(/torn off/g)?.length], [0, 6]);
});
