import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { closeAll, FifoSupply, pipesName } from "../src/environment/local/spawn/node/fifos.ts";
import { fifoBatchMax } from "../src/limits.ts";
import { stateDirectoryPath } from "../src/sandbox/state/state-directory.ts";
import { connect } from "./support/client.ts";
import { lastFirst } from "./support/last-first.ts";
import { run } from "./support/process.ts";
import { workspaceWrite } from "./support/sandboxes.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const module = new URL("../src/environment/local/spawn/create-spawner.ts", import.meta.url).href;

/** Starts a program without native functions, and then ends by `end`. */
function startAndEnd(t: TestContext, end: string) {
  const place = temporaryFolder(t, "pipes");
  const script = `
    const { createSpawner } = await import(${JSON.stringify(module)});
    const { readdirSync, rmSync } = await import("node:fs");
    const spawner = await createSpawner({ kind: "node" });
    const run = () => new Promise((ended, reject) => {
      const sink = { output() {}, exited() {}, ended, drained() {}, stdinGone() {} };
      const request = { argv: ["true"], env: { PATH: "/usr/bin:/bin" }, cwd: "/", stdio: "pipes" };
      spawner.start(request, sink).catch(reject);
    });
    await run();
    console.log(readdirSync(process.env.PIPES).join());
    ${end}
  `;
  const options = ["--import", "tsx", "--input-type=module", "--eval", script];
  const pipes = join(stateDirectoryPath(place), pipesName);
  const env = { ...process.env, TMPDIR: place, PIPES: pipes };
  const run = spawnSync(process.execPath, options, { env, encoding: "utf8" });
  const { stdout, signal, stderr } = run;
  const name = stdout.trim();
  return { pipes, folder: join(pipes, name), wasThere: name !== "", signal, stderr };
}

test("names of pipes are gone when the spawner has been closed", (t) => {
  const { pipes, wasThere } = startAndEnd(t, "await spawner.close();");
  assert.equal(wasThere, true);
  assert.deepEqual(readdirSync(pipes), []);
});

test("names of pipes that are being made at the end are gone as well", async () => {
  const openSome = async (supply: FifoSupply, count: number) => {
    const ends = await supply.open(Array(count).fill("read"));
    closeAll(ends.flatMap(({ ours, theirs }) => [ours, theirs]));
  };
  const supply = new FifoSupply();
  // So many that the next ones are made.
  await openSome(supply, fifoBatchMax / 2 + 1);
  await supply.close();
  // Takes as long as making them.
  const later = new FifoSupply();
  await openSome(later, 1);
  await later.close();
  assert.equal(existsSync(supply.directory), false);
});

test("names of pipes are removed when the server was killed", async (t) => {
  const { folder, wasThere, signal } = startAndEnd(t, "process.kill(process.pid, 'SIGKILL');");
  assert.equal(signal, "SIGKILL");
  assert.equal(wasThere, true);
  while (existsSync(folder)) await setImmediate();
});

test("a confined process finds no names of pipes, also in a folder that it may write", async (t) => {
  const scope = lastFirst(t);
  const place = temporaryFolder(scope, "/var/tmp/pipes");
  const env = { TMPDIR: place, NODE_OPTIONS: "--no-addons" };
  const client = await connect((await startServer(scope, { env })).url);
  await client.initialize();
  await run(client, { argv: ["true"] });
  const find = { argv: ["find", place, "-type", "p"] };
  assert.match((await run(client, find)).stdout, /\/[\w-]+\/\d+\n/);
  const { stdout, stderr } = await run(client, { ...find, sandbox: workspaceWrite(place) });
  assert.equal(stdout, "");
  assert.match(stderr, /pipes.*Permission denied/);
  client.socket.terminate();
});

test("names of pipes are made anew when somebody has removed their folder", (t) => {
  const { stderr } = startAndEnd(
    t,
    `rmSync(process.env.PIPES, { recursive: true });
    for (let count = 0; count < 60; count++) await run();
    await spawner.close();`,
  );
  assert.equal(stderr, "");
});
