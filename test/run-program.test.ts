import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { probesBy } from "../src/environment/local/probes.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import { runProgram } from "../src/environment/local/spawn/run-program.ts";
import { SpawnError, type Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { standStill } from "./support/standing-still.ts";

const bounds = { timeoutMs: 30_000, outputBytesMax: 100 };
const shell = (script: string): [string, ...string[]] => ["/bin/sh", "-c", script];

for (const kind of ["posix", "node"] as const) {
  describe(`a program that is run by a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
    });

    after(() => spawner.close());

    test("tells its exit code and what it said, from the root and without variables", async () => {
      const script = "pwd; echo $HOME why >&2; exit 3";
      assert.deepEqual(await runProgram(spawner, { argv: shell(script), ...bounds }), {
        exitCode: 3,
        isTimedOut: false,
        stdout: "/\n",
        stderr: "why\n",
      });
    });

    test("is killed with what it started when it takes too long", () =>
      withLongerLimits(200, async (timeoutMs) => {
        const argv = shell("echo begun; sleep 600 & sleep 600");
        const ended = await runProgram(spawner, { argv, ...bounds, timeoutMs });
        const expected = { exitCode: 137, isTimedOut: true, stdout: "begun\n", stderr: "" };
        assert.deepEqual(ended, expected);
      }));

    test("has not taken too long when it ended while nobody looked", () =>
      withLongerLimits(1_000, async (timeoutMs) => {
        const start: Spawner["start"] = async (request, sink) => {
          const started = await spawner.start(request, sink);
          // When its time has begun.
          setImmediate(() => standStill(1.5 * timeoutMs));
          return started;
        };
        const run = { argv: shell("sleep 0.2; exit 3"), ...bounds, timeoutMs };
        const { exitCode, isTimedOut } = await runProgram({ start } as Spawner, run);
        assert.deepEqual([exitCode, isTimedOut], [3, false]);
      }));

    test("may say more than is kept of it", async () => {
      const argv = shell("head -c 300000 /dev/zero | tr '\\0' x");
      const { stdout } = await runProgram(spawner, { argv, ...bounds });
      assert.equal(stdout, "x".repeat(100));
    });

    test("is refused as a start is when it is not there", async () => {
      const started = runProgram(spawner, { argv: ["/nowhere/program"], ...bounds });
      await assert.rejects(started, { name: "SpawnError", code: "ENOENT" });
    });
  });
}

test("a probe by a spawner that then fails its test is made again by its replacement", async (t) => {
  const [failing, replacement] = await Promise.all([
    createSpawner({ kind: "posix" }),
    createSpawner({ kind: "node" }),
  ]);
  t.after(() => replacement.close());
  const tested = failing.close().then(() => replacement);
  const probe = probesBy(Promise.resolve(failing), tested);
  assert.deepEqual(await probe("/bin/sh", ["-c", "echo works"]), {
    works: true,
    stdout: "works\n",
    complaint: "it ended with 0",
  });
});

test("a probe that fails is told in the words of its program, or of the system", async (t) => {
  const spawner = await createSpawner();
  t.after(() => spawner.close());
  const probe = probesBy(Promise.resolve(spawner), Promise.resolve(spawner));
  const said = await probe("/bin/sh", ["-c", "echo no >&2; exit 1"]);
  assert.deepEqual(said, { works: false, stdout: "", complaint: "no" });
  const { works, complaint } = await probe("/nowhere/bwrap", []);
  assert.equal(works, false);
  assert.match(complaint, /nowhere/);
});

test("of a program for which there is no process a probe finds out nothing", async () => {
  const cause = { code: "EAGAIN", errno: 11, stage: "system" } as const;
  const start = () => Promise.reject(new SpawnError("no process", cause));
  const spawner = Promise.resolve({ start } as unknown as Spawner);
  const said = await probesBy(spawner, spawner)("/bin/true", []);
  assert.deepEqual(said, { works: false, stdout: "", complaint: "no process", isUnknown: true });
});
