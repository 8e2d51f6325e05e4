import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { outboundBytesHigh, sendBytesMax } from "../src/limits.ts";
import type { EventParams } from "../src/protocol/methods.ts";
import { type Client, connect, type Message } from "./support/client.ts";
import { metric } from "./support/metrics.ts";
import { start } from "./support/process.ts";
import { startServer } from "./support/server.ts";
import { until } from "./support/until.ts";
import { serveHttp } from "./support/web-server.ts";
import { within } from "./support/within.ts";

const untilOutput = (url: string, bytes: number) =>
  until("the output", async () => (await metric(url, "process_output_bytes_total")) >= bytes);

/** How much processes have put out, once they are paused and the kernel takes nothing more. */
async function settledOutput(url: string): Promise<number> {
  const look = () =>
    Promise.all([metric(url, "process_output_bytes_total"), metric(url, "unsent_bytes")]);
  for (let before = [0, 0]; ; await delay(100)) {
    const [output = 0, unsent = 0] = await look();
    if (unsent > outboundBytesHigh && output === before[0] && unsent === before[1]) return output;
    before = [output, unsent];
  }
}

/** A terminal that echoes, and a flood that fills the line to a client that reads nothing. */
async function flooded(t: TestContext) {
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  await start(client, { processId: "terminal", argv: ["cat"], tty: true });
  const messages = gathered(client);
  await start(client, { processId: "flood", argv: ["yes"] });
  client.socket.pause();
  const outputBytes = await settledOutput(url);
  return { url, client, messages, outputBytes };
}

interface Gathered {
  readonly all: Message[];
  bytes: number;
  /** Bytes of messages before the first of this event of the process. */
  readonly bytesBefore: Map<string, number>;
}

function gathered(client: Client): Gathered {
  const messages: Gathered = { all: [], bytes: 0, bytesBefore: new Map() };
  client.socket.on("message", (text: Buffer) => {
    const message: Message = JSON.parse(text.toString());
    messages.all.push(message);
    const { processId } = (message.params ?? {}) as { processId?: string };
    const key = `${message.method ?? message.id} ${processId ?? ""}`;
    if (!messages.bytesBefore.has(key)) messages.bytesBefore.set(key, messages.bytes);
    messages.bytes += text.length;
  });
  return messages;
}

function type(client: Client, key: string): void {
  const chunk = Buffer.from(key).toString("base64");
  client.send({
    id: `key ${key}`,
    method: "process/write",
    params: { processId: "terminal", writeId: key, chunk },
  });
}

describe("beside a flood that a slow line does not take", () => {
  test("an echo and answers overtake what waits in the server", async (t) => {
    const { url, client, messages, outputBytes } = await flooded(t);
    const sentBytes = await metric(url, "sent_bytes_total");
    const unsentBytes = await metric(url, "unsent_bytes");
    type(client, "a");
    await untilOutput(url, outputBytes + 1);
    client.socket.resume();
    await client.event("process/output", ({ processId }) => processId === "terminal");
    for (const key of ["process/output terminal", "key a "]) {
      // What has been written cannot be overtaken: what the kernel has, and a batch or two.
      const overtaken = sentBytes - (messages.bytesBefore.get(key) ?? Number.POSITIVE_INFINITY);
      assert.ok(overtaken > unsentBytes - 2 * sendBytesMax, `${key} overtook ${overtaken} bytes`);
    }
  });

  test("a terminal is not paused", async (t) => {
    const { url, client, outputBytes } = await flooded(t);
    for (const [index, key] of ["a", "b", "c", "d"].entries()) {
      type(client, key);
      await untilOutput(url, outputBytes + index + 1);
    }
    client.socket.resume();
  });

  test("no event of a process is missing or out of order, and reads go on with it", async (t) => {
    const { client, messages } = await flooded(t);
    const argv = ["head", "-c", "3000000", "/dev/zero"];
    await Promise.all([
      ...["one", "two", "three"].map((processId) => start(client, { processId, argv })),
      delay(300).then(() => {
        client.send({ id: "read", method: "process/read", params: { processId: "one" } });
        client.send({ id: "end", method: "process/terminate", params: { processId: "flood" } });
        client.socket.resume();
      }),
    ]);
    for (const processId of ["one", "two", "three", "flood"]) {
      await client.event("process/closed", (closed) => closed.processId === processId);
      const seqs = messages.all
        .filter(({ method }) => method !== undefined)
        .map(({ params }) => params as EventParams<"process/closed">)
        .filter((params) => params.processId === processId)
        .map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        Array.from(seqs, (_, index) => index + 1),
        processId,
      );
    }
    assert.ok(messages.all.some(({ id }) => id === "read"));
  });
});

const bodyBytes = 48 * 1024 * 1024;

/** A body that is streamed to a client that reads nothing, until no more of it is taken. */
async function heldBody(t: TestContext) {
  const source = { takenBytes: 0, ended: Promise.resolve() };
  function* pieces() {
    const piece = Buffer.alloc(64 * 1024, "body");
    for (; source.takenBytes < bodyBytes; source.takenBytes += piece.length) yield piece;
    yield Buffer.from("end");
  }
  const send = (response: ServerResponse) => {
    source.ended = new Promise((resolve) => void response.once("close", resolve));
    Readable.from(pieces()).pipe(response);
  };
  const web = await serveHttp(t, (_, response) => send(response));
  const { url } = await startServer(t);
  const client = await connect(url);
  await client.initialize();
  const messages = gathered(client);
  const asked = { requestId: "body", method: "GET", url: web.url, streamResponse: true };
  await client.request("http/request", asked);
  client.socket.pause();
  for (let before = -1; before < source.takenBytes; await delay(200)) {
    before = source.takenBytes;
    await until("bytes that wait", async () => (await metric(url, "unsent_bytes")) > 0);
  }
  return { client, messages, source };
}

const isLast = ({ done }: EventParams<"http/request/bodyDelta">) => done;

describe("a body from the web for a line that takes nothing", () => {
  test("waits at its source, and then comes whole and in order", async (t) => {
    const { client, messages, source } = await heldBody(t);
    assert.ok(source.takenBytes < bodyBytes, `${source.takenBytes} bytes were taken`);
    client.socket.resume();
    await client.event("http/request/bodyDelta", isLast);
    const deltas = messages.all
      .filter(({ method }) => method === "http/request/bodyDelta")
      .map(({ params }) => params as EventParams<"http/request/bodyDelta">);
    assert.deepEqual(
      deltas.map(({ seq }) => seq),
      deltas.map((_, index) => index + 1),
    );
    const sizes = deltas.map(({ deltaBase64 }) => Buffer.byteLength(deltaBase64, "base64"));
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      bodyBytes + "end".length,
    );
  });

  test("sends nothing more behind the answer to its cancelling", async (t) => {
    const { client, messages, source } = await heldBody(t);
    const cancelled = client.request("http/cancel", { requestId: "body" });
    await within(30_000, "the end of the request", source.ended);
    client.socket.resume();
    await Promise.all([cancelled, client.event("http/request/bodyDelta", isLast)]);
    const [last, before] = messages.all.toReversed();
    assert.deepEqual(last?.result, {});
    assert.equal(before?.method, "http/request/bodyDelta");
  });
});
