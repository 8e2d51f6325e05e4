import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { uncaughtErrorHandler } from "../src/commands/uncaught-errors.ts";
import { localEnvironment } from "../src/environment/local/environment.ts";
import { defaultLimits, uncaughtErrorsMax } from "../src/limits.ts";
import { startExecServer } from "../src/server/exec-server.ts";
import type { Log } from "../src/server/watch/log.ts";
import { connect } from "./support/client.ts";

function recordingLog() {
  const lines: string[] = [];
  const write = (level: string, message: string) => void lines.push(`${level} ${message}`);
  return { lines, log: Object.assign(write, { writes: () => true }) as Log };
}

describe("an error that nobody caught", () => {
  test("is logged with its stack, and the server goes on", () => {
    const { lines, log } = recordingLog();
    let stops = 0;
    const handle = uncaughtErrorHandler({ log, giveUp: () => stops++ });
    for (const thrown of [new TypeError("first"), "a text", undefined]) handle(thrown);
    assert.match(lines[0] ?? "", /^error .*TypeError: first\n +at /s);
    assert.deepEqual(lines.slice(1), [
      "error an error that nobody caught: a text",
      "error an error that nobody caught: undefined",
    ]);
    assert.equal(stops, 0);
  });

  test("stops the server once when there is no end of them, and no flood of lines comes", () => {
    const { lines, log } = recordingLog();
    let stops = 0;
    const handle = uncaughtErrorHandler({ log, giveUp: () => stops++ });
    for (let at = 0; at < 10 * uncaughtErrorsMax; at++) handle(new Error("again"));
    assert.equal(stops, 1);
    assert.equal(lines.length, uncaughtErrorsMax + 1);
  });

  test("stops nothing when they are far apart", (t) => {
    let nowMs = 0;
    t.mock.method(performance, "now", () => nowMs);
    const handle = uncaughtErrorHandler({
      log: recordingLog().log,
      giveUp: () => assert.fail("stopped"),
    });
    for (; nowMs < 10_000_000; nowMs += 10_000) handle(new Error("now and then"));
  });

  test("ends no process that handles them so, thrown or rejected", async () => {
    const module = fileURLToPath(new URL("../src/commands/uncaught-errors.ts", import.meta.url));
    const program = `
      import { uncaughtErrorHandler } from ${JSON.stringify(module)};
      const log = (level, text) => console.log(level, text.split("\\n")[0]);
      process.on("uncaughtException", uncaughtErrorHandler({ log, giveUp() {} }));
      setImmediate(() => { throw new Error("thrown"); });
      void Promise.reject(new Error("rejected"));
      setTimeout(() => console.log("still here"), 20);`;
    const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", program];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    assert.deepEqual(stdout.trim().split("\n").sort(), [
      "error an error that nobody caught: Error: rejected",
      "error an error that nobody caught: Error: thrown",
      "still here",
    ]);
  });
});

const overWebSocket = {
  address: { host: "127.0.0.1", port: 0 },
  tls: undefined,
  access: async () => undefined,
  limits: defaultLimits,
  sessionTtlMs: 1000,
  audit: undefined,
};

test("a handler that crashes answers -32603, and harms no other request", async (t) => {
  const { lines, log } = recordingLog();
  const variables = { PATH: "/usr/bin:/bin" };
  const local = await localEnvironment({ variables, cwd: "/", version: "test" });
  const crashing = {
    ...local,
    fileSystem: (...args: Parameters<typeof local.fileSystem>) => ({
      ...local.fileSystem(...args),
      readFile: () => {
        throw new TypeError("a bug at once");
      },
      getMetadata: async () => {
        throw new TypeError("a bug later");
      },
      canonicalize: async () => ({ path: 1n as unknown as string }),
    }),
  };
  const server = await startExecServer({
    ...overWebSocket,
    environment: Promise.resolve(crashing),
    log,
  });
  t.after(() => server.close());
  const client = await connect(server.url);
  await client.initialize();
  const path = "file:///etc/passwd";
  const start = { argv: ["cat"], cwd: "file:///", env: {}, tty: false, pipeStdin: true };
  await client.request("process/start", { ...start, processId: "p", env: variables });
  const poll = client.request("process/read", { processId: "p", waitMs: 9_000 });
  for (const method of ["fs/readFile", "fs/getMetadata", "fs/canonicalize"] as const) {
    await assert.rejects(client.request(method, { path }), { code: -32603 });
  }
  await client.request("process/write", { processId: "p", chunk: "eAo=", writeId: "1" });
  assert.equal((await poll).chunks[0]?.chunk, "eAo=");
  assert.equal(lines.filter((line) => line.startsWith("error")).length, 3);
  assert.match(lines.join("\n"), /error fs\/readFile failed: TypeError: a bug at once\n +at /);
  client.socket.close();
  await once(client.socket, "close");
});

test("a log that fails costs no answer, doubles none, and lets the connection go on", async (t) => {
  const errors: string[] = [];
  const log = (level: string, message: string) => {
    if (level !== "error") throw new Error("the disk of the log is full");
    errors.push(message.split("\n")[0] ?? "");
  };
  const environment = localEnvironment({ variables: {}, cwd: "/", version: "test" });
  const writes = () => true;
  const server = await startExecServer({
    ...overWebSocket,
    environment,
    log: Object.assign(log, { writes }) as Log,
  });
  t.after(() => server.close());
  const client = await connect(server.url);
  await client.initialize();
  const answers: string[] = [];
  client.socket.on("message", (message: Buffer) => answers.push(message.toString()));
  // What is at once answered, what later, and what is no request.
  client.send({ id: "now", method: "environment/status", params: {} });
  client.send({ id: "later", method: "fs/canonicalize", params: { path: "file:///etc" } });
  client.send({ id: "none", result: {} });
  await client.request("fs/canonicalize", { path: "file:///" });
  for (const id of ["now", "later"]) {
    assert.equal(answers.filter((answer) => answer.includes(`"${id}"`)).length, 1, id);
  }
  const full = "Error: the disk of the log is full";
  assert.deepEqual(
    new Set(errors),
    new Set([`an answer was not entered: ${full}`, `a message was not served: ${full}`]),
  );
});
