/** The shell that cleans up after a server, where something keeps it from ending. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import {
  keeperArguments,
  keeperEnvironment,
  variableMark,
} from "../src/environment/local/spawn/descendants/keeper-script.ts";
import { connect } from "./support/client.ts";
import { start } from "./support/process.ts";
import { commandLine, isAlive, keepersOf } from "./support/process-table.ts";
import { startServer } from "./support/server.ts";
import { run, shell } from "./support/spawned.ts";
import { until } from "./support/until.ts";
import { within } from "./support/within.ts";

const endMsMax = 30_000;

/** A program that never ends by itself, and that nothing else runs. */
function hangingWork(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "keeper-"));
  t.after(() => rmdirSync(folder));
  const argv = [process.execPath, "-e", "setInterval(() => {}, 1e6)", folder];
  const runs = () => commandLines().filter(({ line }) => line.endsWith(`${folder}\0`));
  t.after(() => runs().forEach(({ pid }) => void process.kill(pid, "SIGKILL")));
  return {
    work: { folder, argv },
    isRunning: () => runs().some(({ line }) => !line.includes("keeper")),
  };
}

function commandLines() {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.map((pid) => ({ pid, line: commandLine(pid) }));
}

/** What was killed a moment ago may take another one. */
const untilEnded = (isRunning: () => boolean) =>
  until("the end of what was killed", () => !isRunning());

describe("the end of a server", { skip: process.platform !== "linux", concurrency: true }, () => {
  test("comes also when its keeper is stopped", async (t) => {
    const server = await startServer(t);
    const client = await connect(server.url);
    await client.initialize();
    await start(client, { argv: ["sleep", "300"] });
    const keepers = keepersOf(server.pid);
    assert.equal(keepers.length, 1);
    for (const pid of keepers) process.kill(pid, "SIGSTOP");
    server.kill("SIGTERM");
    assert.deepEqual(await within(endMsMax, "the end", server.exited), { code: 0, signal: null });
    await untilEnded(() => keepers.some((pid) => isAlive(pid)));
  });

  test("leaves no last work behind that hangs", async (t) => {
    const { work, isRunning } = hangingWork(t);
    const spawner = await createSpawner({ kind: "posix", lastWork: work });
    await run(spawner, shell("true"));
    await within(endMsMax, "the end", spawner.close());
    await untilEnded(isRunning);
  });

  test("by a kill does not leave it behind for ever either", async (t) => {
    const { work, isRunning } = hangingWork(t);
    const { mark } = variableMark();
    const [program, ...rest] = keeperArguments({ mark, lastWork: work });
    const keeper = spawn(program, rest, {
      env: keeperEnvironment,
      stdio: ["pipe", "ignore", "ignore"],
    });
    keeper.stdin?.end();
    await within(endMsMax, "the end", once(keeper, "exit"));
    await untilEnded(isRunning);
  });
});
