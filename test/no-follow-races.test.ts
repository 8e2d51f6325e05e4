/** With `followSymlinks: false`, while somebody swaps a directory for a link and back. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { directFileSystem } from "../src/environment/local/files/direct-file-system.ts";
import { plainResult } from "../src/protocol/written-result.ts";
import { lastFirst } from "./support/last-first.ts";
import { uri } from "./support/sandboxes.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const tries = 2_000;

const swapping = `
  const { renameSync } = require("node:fs");
  const { parentPort, workerData: at } = require("node:worker_threads");
  parentPort.postMessage("begun");
  for (;;) {
    renameSync(at + "/ws/d", at + "/folder");
    renameSync(at + "/link", at + "/ws/d");
    renameSync(at + "/ws/d", at + "/link");
    renameSync(at + "/folder", at + "/ws/d");
  }
`;

async function swapped(t: TestContext) {
  const scope = lastFirst(t);
  const folder = temporaryFolder(scope, "no-follow-races");
  for (const name of ["ws/d/e", "outside/e"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "ws/d/e/f"), "");
  writeFileSync(join(folder, "outside/e/secret"), "");
  symlinkSync(join(folder, "outside"), join(folder, "link"));
  const worker = new Worker(swapping, { eval: true, workerData: folder });
  scope.after(async () => void (await worker.terminate()));
  await new Promise((resolve) => worker.once("message", resolve));
  return { ws: join(folder, "ws"), files: directFileSystem() };
}

/** What the calls tell; that a call fails is as good. */
async function told(call: () => Promise<unknown>): Promise<string[]> {
  const answers = new Set<string>();
  for (let count = 0; count < tries; count++) {
    await call().then(
      (answer) => answers.add(JSON.stringify(answer)),
      () => undefined,
    );
  }
  return [...answers];
}

test("a walk tells nothing of what the link leads to", async (t) => {
  const { ws, files } = await swapped(t);
  const bounds = { maxDepth: 9, maxDirectories: 99, maxEntries: 99 };
  const options = { ...bounds, followDirectorySymlinks: false, pruneHiddenDirectories: false };
  const walk = async () =>
    plainResult(await files.walk({ path: uri(ws), options, followSymlinks: false }));
  assert.deepEqual(
    (await told(walk)).filter((answer) => answer.includes("secret")),
    [],
  );
});

test("no path but the one that was asked for is canonical", async (t) => {
  const { ws, files } = await swapped(t);
  const path = uri(join(ws, "d/e"));
  const answers = await told(async () => files.canonicalize({ path, followSymlinks: false }));
  assert.deepEqual(
    answers.filter((answer) => answer !== JSON.stringify({ path })),
    [],
  );
});
