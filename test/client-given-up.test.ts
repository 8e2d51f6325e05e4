import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { deferred } from "../src/async/deferred.ts";
import { connect } from "../src/client/library.ts";
import type { Process } from "../src/client/processes/process.ts";
import { fileBlockBytesMax, wholeFileBytesMax } from "../src/limits.ts";
import { startRelay } from "./support/relay.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { until } from "./support/until.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

/** A client of which can be seen what it asks for, a file, and what gives up work on it. */
async function setUp(t: TestContext) {
  const events = new Set<unknown>();
  const line = { isDown: false };
  const relay = await startRelay(t, (await server).url, {
    toServer: ({ method }) => (line.isDown && method === "initialize" ? "break" : "pass"),
    toClient: ({ method }) => {
      events.add(method);
      return "pass";
    },
  });
  const environment = await connect(relay.url);
  t.after(() => environment.close());
  const directory = temporaryFolder(t, "given-up");
  const asked = (method: string) =>
    relay.sent.filter((text) => text.includes(`"method":"${method}"`)).length;
  const told = (event: string) => events.has(event);
  const { files } = environment;
  return {
    relay,
    line,
    environment,
    files,
    path: join(directory, "file"),
    asked,
    told,
    ...controls(),
  };
}

function controls() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

const large = Buffer.alloc(wholeFileBytesMax + 1);

const aborted = { name: "AbortError" };

describe("work on a file that is given up", () => {
  for (const when of ["while a block is on its way", "while nobody asks for one"]) {
    test(`closes it: reading, ${when}`, async (t) => {
      const { files, path, asked, signal, abort } = await setUp(t);
      await files.write(path, Buffer.alloc(3 * fileBlockBytesMax));
      const closedBefore = asked("fs/close");
      const reader = files.stream(path, { signal }).getReader();
      await reader.read();
      const next = when.includes("way") ? reader.read() : undefined;
      abort();
      await assert.rejects(next ?? reader.read(), aborted);
      await until("the end of the file", () => asked("fs/close") > closedBefore);
    });
  }

  test("closes it: writing, while the source gives nothing", async (t) => {
    const { files, path, asked, signal, abort } = await setUp(t);
    const writing = files.write(path, silent(), { signal });
    await until("the first block", () => asked("fs/writeBlock") > 0);
    abort();
    await assert.rejects(writing, aborted);
    await until("the end of the file", () => asked("fs/close") > 0);
  });

  test("leaves the source of what is written", async (t) => {
    const { files, path, asked, signal, abort } = await setUp(t);
    const left = deferred<void>();
    const writing = files.write(path, endless(left.resolve), { signal });
    await until("the first block", () => asked("fs/writeBlock") > 0);
    abort();
    await assert.rejects(writing, aborted);
    await within(30_000, "the end of the source", left.promise);
  });

  test("closes it: writing what takes long", async (t) => {
    const { files, path, asked, signal, abort } = await setUp(t);
    const writing = files.write(path, Buffer.alloc(64 * fileBlockBytesMax), { signal });
    await until("the first block", () => asked("fs/writeBlock") > 0);
    abort();
    await assert.rejects(writing, aborted);
    await until("the end of the file", () => asked("fs/close") > 0);
    assert.ok(asked("fs/writeBlock") < 64);
  });
});

describe("a command that is given up", () => {
  const talks = ["sh", "-c", "echo begun; exec sleep 1000"];

  test("is killed, and the call fails", async (t) => {
    const { environment, asked, told, signal, abort } = await setUp(t);
    const running = environment.run(talks, { signal });
    await until("the first output", () => told("process/output"));
    abort();
    await assert.rejects(running, aborted);
    await until("the kill", () => asked("process/terminate") > 0);
  });

  test("fails also when the executor answers nothing any more", async (t) => {
    const { environment, relay, told, signal, abort } = await setUp(t);
    const running = environment.run(talks, { signal });
    await until("the first output", () => told("process/output"));
    relay.freeze();
    abort();
    await within(30_000, "the failure", assert.rejects(running, aborted));
  });
});

describe("a call that is given up while there is no connection", () => {
  type Client = Awaited<ReturnType<typeof setUp>> & { readonly cat: Process };
  const calls: [string, (client: Client) => Promise<unknown>][] = [
    ["fs/writeFile", ({ files, path, signal }) => files.write(path, "new", { signal })],
    ["fs/open", ({ files, path, signal }) => files.write(path, large, { signal })],
    ["fs/createDirectory", ({ files, path, signal }) => files.makeDirectory(path, { signal })],
    ["fs/remove", ({ files, path, signal }) => files.remove(path, { signal })],
    ["fs/copy", ({ files, path, signal }) => files.copy(path, `${path}2`, { signal })],
    ["process/start", ({ environment, signal }) => environment.run(["true"], { signal })],
    ["process/write", ({ cat, signal }) => cat.stdin.write("new", { signal })],
    ["process/closeStdin", ({ cat, signal }) => cat.stdin.end({ signal })],
    ["process/signal", ({ cat, signal }) => cat.kill("SIGINT", { signal })],
    ["process/terminate", ({ cat, signal }) => cat.kill("SIGKILL", { signal })],
    ["http/request", ({ environment, signal }) => environment.fetch("http://[::1]:1", { signal })],
  ];
  for (const [method, work] of calls) {
    test(`is not made when there is one again: ${method}`, async (t) => {
      const client = await setUp(t);
      const { environment, relay, line, asked, abort } = client;
      const cat = await environment.start(["cat"], { stdin: true });
      line.isDown = true;
      relay.break();
      await until("another attempt", () => asked("initialize") > 1);
      const before = asked(method);
      const failing = assert.rejects(work({ ...client, cat }), aborted);
      abort();
      await failing;
      line.isDown = false;
      await environment.check();
      assert.equal(asked(method), before);
    });
  }
});

describe("the output of a process that prints nothing", () => {
  const talks = ["sh", "-c", "echo one; read line; echo two"];

  test("is left at once, and nothing of it is lost", async (t) => {
    const { environment } = await setUp(t);
    const process = await environment.start(talks, { stdin: true });
    const pieces = process[Symbol.asyncIterator]();
    assert.equal(Buffer.from((await pieces.next()).value.bytes).toString(), "one\n");
    const next = pieces.next();
    await within(30_000, "the end of the loop", Promise.resolve(pieces.return?.()));
    assert.equal((await next).done, true);
    await process.stdin.write("\n");
    const rest: Uint8Array[] = [];
    for await (const { bytes } of process) rest.push(bytes);
    assert.equal(Buffer.concat(rest).toString(), "two\n");
  });

  for (const reason of [undefined, new Error("enough")]) {
    test(`lets go of a stream made of it: ${reason?.message ?? "no error"}`, async (t) => {
      const { environment } = await setUp(t);
      const stream = Readable.from(await environment.start(talks, { stdin: true }));
      await once(stream, "data");
      stream.on("error", () => {});
      const closed = new Promise((resolve) => stream.once("close", resolve));
      stream.destroy(reason);
      await within(30_000, "the end of the stream", closed);
    });
  }
});

test("a call that cannot be made leaves nothing behind on its signal", async (t) => {
  const { files, signal } = await setUp(t);
  await assert.rejects(files.watchMissing(["relative"], { signal }), TypeError);
  await nextTurn();
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

async function* silent(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("something");
  await new Promise(() => {});
}

async function* endless(onLeft: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (;;) yield Buffer.from(await nextTurn("more"));
  } finally {
    onLeft();
  }
}
