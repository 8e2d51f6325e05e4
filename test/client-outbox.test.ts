import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { connect } from "../src/client/library.ts";
import { uploadsAtOnceMax, wholeFileBytesMax } from "../src/limits.ts";
import type { Message } from "./support/client.ts";
import { within } from "./support/within.ts";

const large = Buffer.alloc(300_000, "x");

/** An executor at the end of a line on which nobody knows what has arrived until it is told. */
class FarExecutor {
  readonly arrived: string[] = [];
  readonly #news = new EventEmitter();
  readonly #marks: Buffer[] = [];
  #socket: WebSocket | undefined;
  #isTelling = false;

  serve(socket: WebSocket): void {
    this.#socket = socket;
    socket.on("ping", (mark: Buffer) => {
      this.#marks.push(mark);
      if (this.#isTelling) this.tellArrivals();
    });
    socket.on("message", (frame) => this.#answer(JSON.parse(frame.toString())));
  }

  /** Waits until so many requests of this kind have come. */
  async has(name: string, count = 1): Promise<void> {
    const isThere = () => this.arrived.filter((arrived) => arrived === name).length >= count;
    const wait = async () => {
      while (!isThere()) await once(this.#news, "request");
    };
    await within(30_000, `${count} of ${name}`, wait(), () => this.arrived.join("\n"));
  }

  tellArrivals(): void {
    this.#isTelling = true;
    for (const mark of this.#marks.splice(0)) this.#socket?.pong(mark);
  }

  #answer({ id, method, params }: Message): void {
    if (id === undefined) return;
    this.arrived.push(nameOf(String(method), params as Record<string, string>));
    this.#news.emit("request");
    this.#socket?.send(JSON.stringify({ id, result: results[String(method)] ?? {} }));
  }
}

const results: Readonly<Record<string, object>> = {
  initialize: { sessionId: "s", environmentInfo: { capabilities: { httpCancel: true } } },
  "process/write": { status: "accepted" },
  "process/terminate": { running: true },
  "http/request": { status: 200, headers: [], body: "" },
};

/** A method, and what it is about. */
function nameOf(method: string, params: Readonly<Record<string, string>>): string {
  const { processId, path, requestId } = params;
  const subject = processId ?? path?.replace("file://", "") ?? requestId;
  return subject === undefined || method === "fs/open" ? method : `${method} ${subject}`;
}

async function setUp(t: TestContext) {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong: false });
  await once(sockets, "listening");
  const executor = new FarExecutor();
  sockets.on("connection", (socket) => executor.serve(socket));
  const { port } = sockets.address() as AddressInfo;
  const environment = await connect(`ws://127.0.0.1:${port}`);
  t.after(async () => {
    await environment.close();
    sockets.close();
    for (const socket of sockets.clients) socket.terminate();
  });
  return { executor, environment };
}

describe("while the line is busy with an upload", () => {
  test("a kill arrives before the rest of a long input, and the end of it behind", async (t) => {
    const { executor, environment } = await setUp(t);
    const { arrived } = executor;
    const fed = await environment.start(["cat"], { id: "fed", stdin: true });
    const other = await environment.start(["cat"], { id: "other", stdin: true });
    const written = Promise.all([fed.stdin.write(large), fed.stdin.write("y"), fed.stdin.end()]);
    await other.stdin.write("typed");
    await fed.kill("SIGINT");
    await fed.resize({ rows: 1, cols: 1 });
    assert.ok(await other.kill());
    assert.ok(await fed.kill());
    assert.deepEqual(arrived.slice(3), [
      "process/write fed",
      "process/write other",
      "process/signal fed",
      "process/resize fed",
      "process/terminate other",
      "process/terminate fed",
    ]);
    executor.tellArrivals();
    await written;
    assert.deepEqual(arrived.slice(9), [
      ...Array(5).fill("process/write fed"),
      "process/closeStdin fed",
    ]);
  });

  test("only what touches the path of a file that still waits waits behind it", async (t) => {
    const { executor, environment } = await setUp(t);
    const { files } = environment;
    const behind = [files.write("/first", large), files.write("/a/b", large)];
    await files.remove("/a/bc");
    for (const path of ["/a/b", "/a/b/c", "/a"]) behind.push(files.remove(path));
    await files.remove("/b");
    behind.push(files.copy("/elsewhere", "/a/b"));
    assert.deepEqual(executor.arrived.slice(1), [
      "fs/writeFile /first",
      "fs/remove /a/bc",
      "fs/remove /b",
    ]);
    executor.tellArrivals();
    await Promise.all(behind);
    assert.deepEqual(executor.arrived.slice(4), [
      "fs/writeFile /a/b",
      "fs/remove /a/b",
      "fs/remove /a/b/c",
      "fs/remove /a",
      "fs/copy",
    ]);
  });

  test("what is given up before its turn has come is not sent", async (t) => {
    const { executor, environment } = await setUp(t);
    const { files } = environment;
    const controller = new AbortController();
    const first = files.write("/first", large);
    const givenUp = [large, "small"].map((content) =>
      files.write("/second", content, { signal: controller.signal }),
    );
    const third = files.write("/third", large);
    controller.abort();
    for (const writing of givenUp) await assert.rejects(writing, { name: "AbortError" });
    executor.tellArrivals();
    await Promise.all([first, third]);
    assert.deepEqual(executor.arrived.slice(1), ["fs/writeFile /first", "fs/writeFile /third"]);
  });

  test("a large file goes in blocks, and is closed behind the last", async (t) => {
    const { executor, environment } = await setUp(t);
    const content = Buffer.alloc(wholeFileBytesMax + 1);
    const written = environment.files.write("/large", content);
    await executor.has("fs/writeBlock");
    await environment.check();
    assert.equal(executor.arrived.at(-1), "environment/status");
    executor.tellArrivals();
    await written;
    assert.ok(executor.arrived.filter((name) => name === "fs/writeBlock").length > 2);
    assert.equal(executor.arrived.at(-1), "fs/close");
  });

  test("large files that are written at the same time are not all open at once", async (t) => {
    const { executor, environment } = await setUp(t);
    executor.tellArrivals();
    const content = Buffer.alloc(wholeFileBytesMax + 1);
    const paths = Array.from({ length: uploadsAtOnceMax + 3 }, (_, index) => `/${index}`);
    await Promise.all(paths.map((path) => environment.files.write(path, content)));
    const changes = executor.arrived.map(
      (name) => Number(name === "fs/open") - Number(name === "fs/close"),
    );
    let open = 0;
    const most = Math.max(...changes.map((change) => (open += change)));
    assert.deepEqual({ most, open }, { most: uploadsAtOnceMax, open: 0 });
  });

  test("an HTTP request with a large body is not made that is cancelled before its turn", async (t) => {
    const { executor, environment } = await setUp(t);
    environment.files.write("/first", large).catch(() => {});
    const abort = new AbortController();
    const body = large;
    const posted = environment.fetch("http://a/", { method: "POST", body, signal: abort.signal });
    abort.abort();
    await assert.rejects(posted, { name: "AbortError" });
    await environment.check();
    executor.tellArrivals();
    await executor.has("http/cancel http-1");
    assert.deepEqual(executor.arrived.slice(1), [
      "fs/writeFile /first",
      "environment/status",
      "http/cancel http-1",
    ]);
  });
});
