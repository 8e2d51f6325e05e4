import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { connect } from "../src/client/library.ts";
import { within } from "./support/within.ts";

const waitMsMax = 30_000;

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params: { readonly processId: string };
}

/** One read is enough. */
const environmentInfo = { capabilities: { processReadPushRest: true } };

/** Answers what a client asks, and pushes an event before which one is missing. */
function serve(socket: WebSocket, onRead: (answerRead: () => void) => void): void {
  socket.on("message", (frame: Buffer) => {
    const { id, method, params }: Request = JSON.parse(frame.toString());
    const say = (message: object) => socket.send(JSON.stringify(message));
    const answer = (result: object) => say({ id, result });
    if (method === "initialize") answer({ sessionId: "s", environmentInfo });
    else if (method === "process/start") {
      const { processId } = params;
      answer({ processId });
      say({ method: "process/exited", params: { processId, seq: 2, exitCode: 0 } });
    } else if (method === "process/read") {
      const chunk = { seq: 1, stream: "stdout", chunk: "YQ==" };
      const end = { nextSeq: 3, exited: true, exitCode: 0, closed: false, failure: null };
      onRead(() => answer({ chunks: [chunk], ...end }));
    } else if (id !== undefined) answer({});
  });
}

async function lackingClient(t: TestContext) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => void server.close());
  await once(server, "listening");
  const asked = new Promise<{ socket: WebSocket; answerRead: () => void }>((resolve) => {
    server.on("connection", (socket) => {
      t.after(() => socket.terminate());
      serve(socket, (answerRead) => resolve({ socket, answerRead }));
    });
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const machine = await connect(url);
  t.after(() => machine.detach());
  await machine.start(["true"]);
  return within(waitMsMax, "the request for what is missing", asked);
}

test("a client that lacks output confirms how far it has come on the line, and no more", async (t) => {
  const { socket, answerRead } = await lackingClient(t);
  const pongs: string[] = [];
  socket.on("pong", (content: Buffer) => void pongs.push(content.toString()));
  const pong = () => within(waitMsMax, "a pong", once(socket, "pong"));
  const confirmed = pong();
  socket.ping("3 4000");
  await confirmed;
  assert.deepEqual(pongs, ["0 4000"]);

  answerRead();
  // Once more, for the client takes a moment to take in what it lacked.
  const patience = AbortSignal.timeout(waitMsMax);
  while (pongs.at(-1) !== "5 6000") {
    patience.throwIfAborted();
    const next = pong();
    socket.ping("5 6000");
    await next;
  }
});
