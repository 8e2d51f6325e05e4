/**
 * Whoever is confined, and may write the folder for temporary files, tries to have a server write
 * elsewhere for him, by a journal of his own.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect } from "./support/client.ts";
import { lastFirst } from "./support/last-first.ts";
import { entryOf, leaveSlip, leftName } from "./support/left-writes.ts";
import { start } from "./support/process.ts";
import { keepersOf } from "./support/process-table.ts";
import { place, workspaceWrite } from "./support/sandboxes.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const victimContent = "nobody inside may change this";

interface Stage {
  readonly at: (name: string) => string;
  /** Where servers keep what sandboxes and writes need. */
  readonly state: string;
  readonly server: RunningServer;
  readonly client: Awaited<ReturnType<typeof connect>>;
  nextServer(): Promise<RunningServer>;
  write(name: string): Promise<unknown>;
  checkVictim(): void;
}

/** A server that has a journal, and the record that is to be planted in `ws/forged`. */
async function stage(t: TestContext): Promise<Stage> {
  const scope = lastFirst(t);
  const folder = temporaryFolder(scope, "/var/tmp/planted-writes");
  const at = (name: string) => join(folder, name);
  for (const name of ["tmp", "ws", "ws/forged"]) mkdirSync(at(name));
  writeFileSync(at("victim"), victimContent);
  const forged = at(`ws/forged/${leftName()}`);
  await leaveSlip(forged, entryOf(at("victim")));
  chmodSync(join(forged, "0"), 0o600);
  writeFileSync(join(forged, "locked"), "");
  const nextServer = () => startServer(scope, { env: { TMPDIR: at("tmp") } });
  const server = await nextServer();
  const client = await connect(server.url);
  await client.initialize();
  const write = (name: string) =>
    client.request("fs/writeFile", {
      path: `file://${at(name)}`,
      dataBase64: Buffer.alloc(10_000, "w").toString("base64"),
    });
  await write("tmp/file");
  const state = at(`tmp/codex-exec-server-${process.getuid?.() ?? 0}`);
  const checkVictim = () =>
    assert.ok(readFileSync(at("victim"), "utf8") === victimContent, "it was written");
  return { at, state, server, client, nextServer, write, checkVictim };
}

/** While the server still makes and removes what is in it. */
function removeState(state: string): void {
  try {
    rmSync(state, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    removeState(state);
  }
}

/** Takes the journals away while a confined process runs, which then puts its own there. */
async function plant({ at, state, client }: Stage): Promise<string> {
  const journals = join(state, "writes");
  const genuine = join(journals, readdirSync(journals)[0] ?? "");
  const steps = [
    `cp -r ${genuine} stolen; unshare -Ur cp -r ${genuine} stolen`,
    "touch begun; until [ -e go ]; do sleep 0.01; done",
    `mkdir -p -m 700 ${genuine}; cp -r forged/* ${journals}; cp forged/*/0 ${genuine}`,
    `for folder in ${journals}/*; do cp stolen/* $folder; done`,
    "touch planted; sleep 1000",
  ];
  const sandbox = workspaceWrite(at("ws"), place(at("tmp"), "write"));
  const argv = ["/bin/sh", "-c", steps.join("\n")];
  const cwd = `file://${at("ws")}`;
  const command = { argv, cwd, sandbox, processId: planter };
  await start(client, command);
  await until("its begin", () => existsSync(at("ws/begun")));
  removeState(state);
  writeFileSync(at("ws/go"), "");
  await until("what it plants", () => existsSync(at("ws/planted")));
  assert.equal(readdirSync(journals).length, 2);
  return genuine;
}

const planter = "planter";

describe("what a confined process puts in the place of a journal is not done", () => {
  test("by the next server", async (t) => {
    const ground = await stage(t);
    await plant(ground);
    await ground.server.stop();
    const next = await ground.nextServer();
    ground.checkVictim();
    const refusal = /bears no seal of a server of this user/;
    await until("what the next server says of it", () => refusal.test(next.stderr()));
    assert.deepEqual(readdirSync(join(ground.state, "writes")), []);
  });

  test("by a server that starts while it runs", async (t) => {
    const ground = await stage(t);
    await plant(ground);
    await ground.nextServer();
    ground.checkVictim();
  });

  test("by whoever finishes what the server was killed at", async (t) => {
    const ground = await stage(t);
    const genuine = await plant(ground);
    const keepers = keepersOf(ground.server.pid);
    assert.equal(keepers.length, 1);
    ground.server.kill("SIGKILL");
    await until("the keeper's end", () => keepers.every((pid) => !existsSync(`/proc/${pid}`)));
    ground.checkVictim();
    assert.ok(!existsSync(genuine), "it was not even looked at");
  });
});

test("nothing is kept where a confined process could read and change it", async (t) => {
  const ground = await stage(t);
  const { server, client, state } = ground;
  const genuine = await plant(ground);
  rmSync(genuine, { recursive: true });
  for (const name of ["ws/one", "ws/two"]) await ground.write(name);
  assert.ok(!existsSync(genuine));
  const warning = /without a journal.* a confined process that runs may/;
  await until("a warning", () => warning.test(server.stderr()));
  await client.request("process/terminate", { processId: planter });
  await client.event("process/closed", ({ processId }) => processId === planter);
  removeState(state);
  await ground.write("ws/three");
  assert.ok(readdirSync(genuine).includes("seal"));
});
