import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { WebSocket } from "ws";
import { type Client, connect } from "./support/client.ts";
import { FuzzConnection } from "./support/fuzz-connection.ts";
import { fuzzMessage } from "./support/fuzz-frames.ts";
import { type RunningServer, startServer } from "./support/server.ts";

/** Set it to 100000 for the long run. */
const messagesWanted = Number(process.env.FUZZ_MESSAGES ?? 2000);
const messagesInBatch = 40;

describe("whatever a client sends", () => {
  const directory = mkdtempSync(join(tmpdir(), "fuzz-"));
  const playground = `file://${directory}/`;
  let server: RunningServer;
  let bystander: Client;
  const endings: (() => Promise<void>)[] = [];
  const scope = { after: (done: () => Promise<void>) => void endings.push(done) };

  before(async () => {
    execFileSync("mkfifo", [join(directory, "fifo")]);
    symlinkSync("a", join(directory, "link"));
    server = await startServer(scope, { args: ["--session-ttl", "1"] });
    bystander = await connect(server.url);
    await bystander.initialize();
    const started = { processId: "echo", argv: ["/bin/cat"], cwd: "file:///", env: {} };
    await bystander.request("process/start", { ...started, tty: false, pipeStdin: true });
  });

  after(async () => {
    for (const end of endings) await end();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What others have must come as if nothing was the matter. */
  async function checkBystander(round: number): Promise<void> {
    const chunk = Buffer.from(`${round}\n`).toString("base64");
    await bystander.request("process/write", { processId: "echo", chunk, writeId: `${round}` });
    assert.equal((await bystander.event("process/output")).chunk, chunk);
  }

  test("every request is answered once, and nobody else is disturbed", {
    timeout: 60_000 + messagesWanted * 20,
  }, async () => {
    let round = 0;
    const batch = fc.array(fuzzMessage(playground), {
      minLength: messagesInBatch,
      maxLength: messagesInBatch,
    });
    const property = fc.asyncProperty(batch, fc.nat({ max: 4 }), async (messages, strangeness) => {
      const connection = await FuzzConnection.open(server.url);
      try {
        if (strangeness > 0) connection.request("initialize", { clientName: "fuzz" });
        if (strangeness > 1) {
          connection.say({ ...plain, text: '{"method":"initialized"}', answer: "none" });
        }
        for (const message of messages) connection.say(message);
        assert.deepEqual(await connection.differences(), []);
        connection.request("environment/status", {});
        assert.deepEqual(await connection.differences(), []);
      } finally {
        await connection.close();
      }
      await checkBystander(++round);
    });
    const numRuns = Math.ceil(messagesWanted / messagesInBatch);
    await fc.assert(property, { numRuns, endOnFailure: true });
    assert.doesNotMatch(server.stderr(), /"level":"(?:error|fatal)"/);
  });

  const deadly: [string, number, (socket: WebSocket) => void][] = [
    ["text that is not UTF-8", 1007, (socket) => socket.send(Buffer.of(0xff), { binary: false })],
    ["one byte too much", 1009, (socket) => socket.send(Buffer.alloc(64 * 2 ** 20 + 1, 0x20))],
    ["what is no WebSocket frame", 1002, (socket) => rawSocket(socket).write("\xff\xff\xff\xff")],
    ["a fragment that continues nothing", 1002, (socket) => rawSocket(socket).write(continuation)],
  ];
  for (const [index, [title, code, offend]] of deadly.entries()) {
    test(`${title} ends the one connection with ${code}`, async () => {
      const client = await connect(server.url);
      await client.initialize();
      offend(client.socket);
      assert.equal((await client.closed).code, code);
      await checkBystander(1_000_000 + index);
    });
  }

  test("connections cut in the middle of a frame leave nothing behind", async () => {
    for (let round = 0; round < 30; round++) {
      const client = await connect(server.url);
      rawSocket(client.socket).write(frameHead);
      await client.cut();
    }
    await checkBystander(2_000_000);
  });
});

const plain = { idKind: "number", fragments: 1, binary: false } as const;
const continuation = Buffer.of(0x80, 0x80, 0, 0, 0, 0);
/** Of a masked text frame of 1000 bytes that never come. */
const frameHead = Buffer.of(0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0);

/** The library gives no other way to send what it would refuse to. */
const rawSocket = (socket: WebSocket) =>
  (socket as unknown as { readonly _socket: Socket })._socket;
