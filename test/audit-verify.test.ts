import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { auditTailBytes } from "../src/limits.ts";
import { chainStart, nextLine } from "../src/server/audit-chain.ts";
import { tearEvent, tearOf } from "../src/server/audit-tear.ts";
import { launchServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder({ after }, "audit-verify");

test("an audit log is verified in one go, also where torn pieces look like a million lines", async (_t) => {
  const file = join(folder, "torn-lines.jsonl");
  const torn = Buffer.alloc(auditTailBytes, "\n");
  let end = nextLine(chainStart, { event: "server-started" });
  writeFileSync(file, `${end.text}\n`);
  for (let piece = 0; piece < 6; piece++) {
    end = nextLine(end, { event: tearEvent, ...tearOf(torn) });
    appendFileSync(file, `${torn}\n${end.text}\n`);
  }
  const verifier = launchServer({ args: ["audit", "verify", file] });
  const { code } = await verifier.ended();
  assert.deepEqual([code, verifier.stdout().match(/torn off/g)?.length], [0, 6]);
});
