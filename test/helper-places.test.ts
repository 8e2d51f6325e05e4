import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { Recipe } from "../src/sandbox/workers/helper-crew.ts";
import { HelperPool } from "../src/sandbox/workers/helper-pool.ts";
import type { StartWorker } from "../src/sandbox/workers/worker-process.ts";

const limits = {
  ...{ startMs: 10_000, operationMs: 10_000, crowdMs: 10_000, idleMs: 10_000 },
  ...{ workersMax: 1, workersPerCrewMax: 1 },
};

/** Stands in for a worker: answers everything, and ends when it is killed. */
const obliging: StartWorker = async (_launch, _fds, listener) => ({
  pid: 0,
  write: () => listener.answered(Buffer.from('{"status":"ok","payload":{}}\n')),
  end: () => listener.ended({ exitCode: 0 }),
  kill: () => listener.ended({ signal: "SIGKILL" }),
});

const recipe = (isStill: Recipe["isStill"]) => async (): Promise<Recipe> => ({
  launch: () => ({ file: "", argv: [], env: {}, cwd: "/", seccomp: new Uint8Array() }),
  bwrap: { path: "/bwrap", identity: "", isSetuid: false },
  grants: { rules: [], denyGlobs: [] },
  startWorker: obliging,
  checkMounts: async () => {},
  isStill,
});

test("a worker of which nobody can tell whether it still fits is ended, and was one", async () => {
  const pool = new HelperPool(limits);
  const failure = new Error("the disk fails");
  const failing = pool.crew(
    "owner",
    "world",
    recipe(() => Promise.reject(failure)),
  );
  await assert.rejects(
    failing.run(async () => {}),
    failure,
  );
  assert.deepEqual(pool.census, { busy: 0, idle: 0, waiting: 0 });
  const crews = ["one", "other"].map((owner) =>
    pool.crew(
      owner,
      "world",
      recipe(() => true),
    ),
  );
  await Promise.all(crews.map((crew) => crew.run(async () => assert.equal(pool.census.busy, 1))));
  await pool.close();
});

test("of an owner who went while nobody could be hired for him nothing is kept", async () => {
  const pool = new HelperPool(limits);
  const crewOf = (isStill: Recipe["isStill"]) => pool.crew("owner", "world", recipe(isStill));
  const failing = crewOf(() => Promise.reject(new Error("the disk fails")));
  const work = failing.run(async () => {});
  pool.release("owner");
  await assert.rejects(work, { message: "the disk fails" });
  assert.notEqual(
    crewOf(() => true),
    failing,
  );
});
