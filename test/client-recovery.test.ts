import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, describe, type TestContext, test } from "node:test";
import {
  ConnectionError,
  type ConnectOptions,
  connect,
  InvalidRequestError,
  MethodNotFoundError,
  SessionLostError,
} from "../src/client/library.ts";
import { wholeFileBytesMax } from "../src/limits.ts";
import { textOf } from "./support/environment-workbench.ts";
import { type RelayRules, startRelay, withoutCapability } from "./support/relay.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** A client whose messages pass through a relay, and a directory of the test's own. */
async function setUp(t: TestContext, rules: RelayRules = {}, options: ConnectOptions = {}) {
  const relay = await startRelay(t, (await server).url, rules);
  const environment = await connect(relay.url, options);
  t.after(() => environment.close());
  return { relay, environment, directory: temporaryFolder(t, "recovery") };
}

/** Breaks the connection once, in place of the answer to the first request of this method. */
function loseAnswerTo(method: string): RelayRules {
  let id: unknown;
  let isOver = false;
  return {
    toServer: (message) => {
      if (message.method === method) id ??= message.id;
      return "pass";
    },
    toClient: (message) => {
      if (isOver || id === undefined || message.id !== id) return "pass";
      isOver = true;
      return "break";
    },
  };
}

describe("after a broken connection", () => {
  test("what a process printed and how it ended meanwhile is learned", async (t) => {
    const endsBetween: RelayRules = {
      toClient: ({ method }) => (method === "process/output" ? "break" : "pass"),
    };
    const { environment } = await setUp(t, endsBetween);
    const process = await environment.start(["sh", "-c", "echo one; exit 3"]);
    assert.equal(await within(30_000, "the output", textOf(process)), "one\n");
    assert.equal((await process.exit).exitCode, 3);
    await process.closed;
  });

  test("a start whose answer was lost has happened once", async (t) => {
    const { environment, directory } = await setUp(t, loseAnswerTo("process/start"));
    const process = await environment.start(["sh", "-c", "echo started | tee -a log"], {
      cwd: directory,
    });
    assert.equal(await within(30_000, "the output", textOf(process)), "started\n");
    assert.equal(await readFile(join(directory, "log"), "utf8"), "started\n");
  });

  for (const [method, work] of [
    ["fs/createDirectory", "makeDirectory"],
    ["fs/remove", "remove"],
  ] as const) {
    test(`a change of files whose answer was lost is not made twice: ${method}`, async (t) => {
      const { environment, directory } = await setUp(t, loseAnswerTo(method));
      const path = join(directory, "it");
      if (work === "remove") await writeFile(path, "");
      await environment.files[work](path);
    });
  }

  test("an older server gets the error of today, and nothing it started runs on", async (t) => {
    const rules = withoutCapability("requestIds", loseAnswerTo("process/start"));
    const { environment, relay } = await setUp(t, rules);
    await assert.rejects(environment.start(["sleep", "1000"], { id: "orphan" }), ConnectionError);
    await environment.check();
    assert.ok(
      relay.sent.some((text) => text.includes("process/terminate") && text.includes("orphan")),
      "the process of the lost start is terminated",
    );
    assert.ok(!relay.sent.some((text) => text.includes("requestId")));
  });

  test("a path that appeared meanwhile is told to whoever watches for it", async (t) => {
    const { environment, relay, directory } = await setUp(t);
    const path = join(directory, "appears");
    const appeared = environment.files.watchMissing([path]);
    await environment.check();
    relay.break();
    await writeFile(path, "");
    await within(30_000, "the change", appeared);
  });

  test("a file that is read or written in blocks comes whole", async (t) => {
    const content = Buffer.alloc(20 * 1024 * 1024, "0123456789abcdef\n");
    const { environment, relay, directory } = await setUp(t, loseAnswerTo("fs/writeBlock"));
    const path = join(directory, "large");
    await environment.files.write(path, content);
    const parts: Uint8Array[] = [];
    for await (const bytes of environment.files.stream(path)) {
      if (parts.push(bytes) === 3) relay.break();
    }
    assert.ok(Buffer.concat(parts).equals(content));
  });

  test("a file is read and written whose opening had no answer", async (t) => {
    const content = Buffer.alloc(wholeFileBytesMax + 1, "0123456789abcdef\n");
    const { environment: writer, directory } = await setUp(t, loseAnswerTo("fs/open"));
    const { environment: reader } = await setUp(t, loseAnswerTo("fs/open"));
    const path = join(directory, "large");
    await writer.files.write(path, content);
    assert.ok((await buffer(reader.files.stream(path))).equals(content));
  });

  test("a streamed HTTP body fails, and the next request works", async (t) => {
    const web = createServer((_, response) => response.writeHead(200).write("begins"));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    t.after(() => void web.close().closeAllConnections());
    const url = `http://127.0.0.1:${(web.address() as { port: number }).port}`;
    const { environment, relay } = await setUp(t);
    const broken = await environment.fetch(url);
    relay.break();
    await assert.rejects(broken.text(), ConnectionError);
    assert.equal((await environment.fetch(url)).status, 200);
  });

  test("another client can go on with the session and its processes", async (t) => {
    const { environment, relay } = await setUp(t);
    const argv = ["sh", "-c", "echo one; read line; echo $line"];
    const { id } = await environment.start(argv, { stdin: true });
    relay.leadTo("ws://127.0.0.1:1");
    relay.break();
    const { sessionId = "" } = environment;
    const other = await connect((await server).url, { resumeSessionId: sessionId });
    t.after(() => other.close());
    const running = { id, argv, terminal: false, running: true, exitCode: null };
    assert.deepEqual(await other.list(), [running]);
    assert.equal((await other.run(["echo", "new"])).stdout, "new\n");
    const process = other.attach(id);
    await process.stdin.write("two\n");
    assert.equal(await within(30_000, "the output", textOf(process)), "one\ntwo\n");
    await assert.rejects(
      connect((await server).url, { resumeSessionId: "unknown" }),
      InvalidRequestError,
    );
  });

  for (const ms of [Number.POSITIVE_INFINITY, 10_000.5]) {
    test(`another is sought for as long as was said, ${ms} ms`, async (t) => {
      const untilThen = { connectTimeoutMs: ms, initializeTimeoutMs: ms, reconnectWindowMs: ms };
      const options = { ...untilThen, heartbeatIntervalMs: ms };
      const { environment, relay } = await setUp(t, {}, options);
      relay.break();
      await within(30_000, "the answer", environment.check());
    });
  }

  test("a connection that is silent is found out and replaced", async (t) => {
    const { environment, relay } = await setUp(t, {}, { heartbeatIntervalMs: 50 });
    relay.freeze();
    const { stdout } = await within(30_000, "the command", environment.run(["echo", "alive"]));
    assert.equal(stdout, "alive\n");
  });
});

test("an input that an older server cannot end is an error, and the command is killed", async (t) => {
  const rules: RelayRules = {
    toServer: (message) =>
      message.method === "process/closeStdin" ? { ...message, method: "process/none" } : "pass",
  };
  const { environment } = await setUp(t, rules);
  const running = environment.run(["cat"], { input: "x", id: "cat" });
  await assert.rejects(within(30_000, "the end of the command", running), MethodNotFoundError);
  assert.equal((await environment.list())[0]?.exitCode, 137);
});

describe("a session that cannot be resumed", () => {
  test("ends with one error for every call and process when its server is a new one", async (t) => {
    const { environment, relay } = await setUp(t);
    const process = await environment.start(["sleep", "1000"]);
    const other = await startServer(t);
    relay.leadTo(other.url);
    const waiting = textOf(process);
    relay.break();
    const lost = await within(30_000, "the end of the session", environment.lost);
    assert.ok(lost instanceof SessionLostError);
    const why = "failed to resume exec-server session: unknown session id";
    assert.match(lost.message, new RegExp(`^exec-server transport disconnected: .*; ${why}`));
    for (const failing of [waiting, process.exit, process.closed, environment.check()]) {
      await assert.rejects(failing, (error) => error === lost);
    }
  });

  test("ends when the server does not come back in time", async (t) => {
    const { environment, relay } = await setUp(t, {}, { reconnectWindowMs: 200 });
    relay.leadTo("ws://127.0.0.1:1");
    relay.break();
    const lost = await within(30_000, "the end of the session", environment.lost);
    assert.match(lost.message, /recovery timed out after 0\.2s$/);
    const { cause: lastFailure } = lost.cause as Error;
    assert.ok(lastFailure instanceof ConnectionError);
    assert.doesNotMatch(lastFailure.message, /given up/);
  });

  test("ends at once when it is closed, without waiting for the server", async (t) => {
    const { environment, relay } = await setUp(t);
    relay.leadTo("ws://127.0.0.1:1");
    relay.break();
    const checked = environment.check();
    const refused = assert.rejects(checked, /was closed by its owner/);
    await environment.close();
    await refused;
  });

  test("tells that it was left, when it was", async (t) => {
    const { environment } = await setUp(t);
    environment.detach();
    const left = "the exec-server session was left by `detach`";
    await assert.rejects(environment.check(), { name: "SessionLostError", message: left });
  });
});
