/**
 * Real servers are killed at random moments while they overwrite a file. Set WRITE_KILLS to kill
 * more often than the 7 times of each case that a run of all tests has time for.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Sandbox } from "../src/protocol/sandbox.ts";
import { connect } from "./support/client.ts";
import { run } from "./support/process.ts";
import { keepersOf } from "./support/process-table.ts";
import { workspaceWrite } from "./support/sandboxes.ts";
import { type RunningServer, startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";

const kills = Number(process.env.WRITE_KILLS ?? 7);
const largestBytes = 8 * 1024 * 1024;
const uid = process.getuid?.() ?? 0;

interface Ground {
  readonly folder: string;
  readonly file: string;
  readonly uri: (name: string) => string;
  /** Under which files are written. */
  readonly sandbox: Sandbox | undefined;
  /** What killed servers have left to be finished. */
  readonly leftovers: () => string[];
}

function makeGround(t: TestContext, isConfined = false): Ground {
  const folder = temporaryFolder(t, "killed-writes");
  const journals = join(folder, `codex-exec-server-${uid}/writes`);
  return {
    folder,
    file: join(folder, "file"),
    sandbox: isConfined ? workspaceWrite(folder) : undefined,
    uri: (name) => `file://${join(folder, name)}`,
    leftovers: () => (existsSync(journals) ? readdirSync(journals) : []),
  };
}

const contentOf = (letter: string, bytes: number) => Buffer.alloc(bytes, letter);

const writesOf = (server: RunningServer) => async (ground: Ground) => {
  const client = await connect(server.url);
  await client.initialize();
  const write = (name: string, content: Buffer) =>
    client.request("fs/writeFile", {
      path: ground.uri(name),
      dataBase64: content.toString("base64"),
      sandbox: ground.sandbox,
    });
  return { client, write };
};

/** Some time during the request, or as soon as something happens to the file. */
async function moment(file: string, tookMs: number): Promise<void> {
  if (Math.random() < 0.4) return setTimeout(tookMs * Math.random() * 1.2);
  const stop = new AbortController();
  await new Promise<void>((resolve) => {
    watch(file, { signal: stop.signal }, () => resolve());
  });
  stop.abort();
  return setTimeout(tookMs * Math.random() * 0.1);
}

/** Starts a server, and kills it while it writes; gives what it was to write. */
async function killDuringWrite(t: TestContext, ground: Ground, next: Buffer, before: Before) {
  const server = await startServer(t, { env: { TMPDIR: ground.folder } });
  const { client, write } = await writesOf(server)(ground);
  const beganMs = performance.now();
  await write("another", next);
  // A second time: then it is overwritten in more than one step, and the keeper is there.
  await write("another", next.subarray(1));
  await until("a keeper", () => keepersOf(server.pid).length > 0);
  const at = moment(ground.file, (performance.now() - beganMs) / 2);
  const writing = write("file", next).then(
    () => true,
    () => false,
  );
  await Promise.race([at, writing]);
  const keepers = keepersOf(server.pid);
  before(keepers);
  server.kill("SIGKILL");
  await server.exited;
  client.socket.terminate();
  return { isAnswered: await writing, keepers };
}

type Before = (keepers: readonly number[]) => void;

const signalAll = (signal: NodeJS.Signals) => (pids: readonly number[]) => {
  for (const pid of pids) process.kill(pid, signal);
};

async function killOften(t: TestContext, ground: Ground, finish: Finish): Promise<void> {
  let current = contentOf("0", largestBytes);
  writeFileSync(ground.file, current);
  chmodSync(ground.file, 0o640);
  linkSync(ground.file, join(ground.folder, "link"));
  const { ino } = statSync(ground.file);
  for (let round = 1; round <= kills; round++) {
    const bytes = Math.ceil(largestBytes * (0.3 + 0.7 * Math.random()));
    const next = contentOf(String.fromCharCode(48 + (round % 60)), bytes);
    const { isAnswered, keepers } = await killDuringWrite(t, ground, next, finish.before);
    await finish.after(keepers);
    const found = readFileSync(ground.file);
    const isNew = found.equals(next);
    assert.ok(isNew || (!isAnswered && found.equals(current)), `torn in round ${round}`);
    const { mode, nlink, uid: owner, ino: inode } = statSync(ground.file);
    assert.deepEqual([inode, mode & 0o777, nlink, owner], [ino, 0o640, 2, uid]);
    if (isNew) current = next;
  }
}

interface Finish {
  readonly before: Before;
  readonly after: (keepers: readonly number[]) => Promise<void>;
}

describe("a file that a server was killed at has its old or its new content", () => {
  test("as soon as the keeper has looked", { timeout: kills * 30_000 }, async (t) => {
    const ground = makeGround(t);
    const after = () => until("the end of what was left", () => ground.leftovers().length === 0);
    await killOften(t, ground, { before: () => {}, after });
  });

  test("also when a sandboxed helper wrote it", { timeout: kills * 30_000 }, async (t) => {
    const ground = makeGround(t, true);
    const after = () => until("the end of what was left", () => ground.leftovers().length === 0);
    await killOften(t, ground, { before: () => {}, after });
  });

  test("after the next start, when the keeper was killed too", {
    timeout: kills * 30_000,
  }, async (t) => {
    const ground = makeGround(t);
    const after = async (keepers: readonly number[]) => {
      signalAll("SIGKILL")(keepers);
      const next = await startServer(t, { env: { TMPDIR: ground.folder } });
      assert.deepEqual(ground.leftovers(), []);
      await next.stop();
    };
    // Stopped it sees nothing, so that it cannot be quicker than its own end.
    await killOften(t, ground, { before: signalAll("SIGSTOP"), after });
  });
});

test("a server that is stopped in order leaves no journal", async (t) => {
  const ground = makeGround(t);
  const server = await startServer(t, { env: { TMPDIR: ground.folder } });
  const { write } = await writesOf(server)(ground);
  await write("file", contentOf("a", 100_000));
  assert.equal(ground.leftovers().length, 1);
  await server.stop();
  assert.deepEqual(ground.leftovers(), []);
});

const slipsIn = (journals: string) =>
  readdirSync(journals).flatMap((folder) =>
    readdirSync(join(journals, folder)).map((slip) => join(journals, folder, slip)),
  );

/** How much the slips of a server with one journal hold. */
function slipSizes(ground: Ground): number[] {
  const [folder = ""] = ground.leftovers();
  const slips = join(ground.folder, `codex-exec-server-${uid}/writes`, folder);
  return readdirSync(slips).map((slip) => statSync(join(slips, slip)).size);
}

test("a sandboxed worker records what it is about to write, also when slips get lost", async (t) => {
  const ground = makeGround(t, true);
  const server = await startServer(t, { env: { TMPDIR: ground.folder } });
  const { write } = await writesOf(server)(ground);
  await write("file", contentOf("a", 100_000));
  assert.ok(Math.max(...slipSizes(ground)) > 100_000);
  // Somebody tidies up the folder for temporary files.
  const [folder = ""] = ground.leftovers();
  const journals = join(ground.folder, `codex-exec-server-${uid}/writes`);
  rmSync(join(journals, folder), { recursive: true });
  await write("file", contentOf("b", 200_000));
  assert.ok(Math.max(...slipSizes(ground)) > 200_000);
  assert.equal(server.stderr(), "");
});

test("no command gets at the slips, confined or not", async (t) => {
  const ground = makeGround(t, true);
  const home = join(ground.folder, "home");
  mkdirSync(join(home, "tmp"), { recursive: true });
  // Commands get another folder for temporary files than the one of the server.
  writeFileSync(join(home, ".env"), `TMPDIR=${join(home, "tmp")}\n`);
  const env = { TMPDIR: ground.folder, CODEX_HOME: home };
  const server = await startServer(t, { env });
  const { client, write } = await writesOf(server)(ground);
  await write("file", contentOf("a", 100_000));
  const journals = join(ground.folder, `codex-exec-server-${uid}/writes`);
  for (const sandbox of [undefined, ground.sandbox]) {
    const command = { argv: ["/bin/ls", "-l", "/proc/self/fd/"], sandbox };
    const { stdout } = await run(client, command);
    assert.match(stdout, / 1 -> /);
    assert.doesNotMatch(stdout, new RegExp(journals));
  }
  for (const argv of [
    ["/bin/mkdir", join(journals, "forged")],
    ["/bin/ls", journals],
    ["/usr/bin/unshare", "-r", "/bin/cat", ...slipsIn(journals)],
  ]) {
    const command = { argv, sandbox: ground.sandbox };
    const { stdout, exitCode } = await run(client, command);
    assert.ok(exitCode !== 0 && stdout === "", `${argv}`);
  }
});
