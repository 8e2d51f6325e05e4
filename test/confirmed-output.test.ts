import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { WebSocket } from "ws";
import { OutputLog } from "../src/environment/local/output/output-log.ts";
import { SpillStore } from "../src/environment/local/output/spill-store.ts";
import { unansweredReceiptsMax } from "../src/limits.ts";
import { Client, connect } from "./support/client.ts";
import { numberedBytes, readWhole } from "./support/retained-output.ts";
import { startServer } from "./support/server.ts";

const bounds = { chunkBytesMax: 40, bytesMax: 200, confirmedBytesMax: 0, unconfirmedBytesMax: 300 };

/** A log that spills without a bound, and how far its receiver has come. */
async function received(use: (log: OutputLog, receipts: Receiver) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "confirmed-"));
  const receipts = { asked: 0, answered: 0 };
  const spill = new SpillStore({ directory, blockBytes: 512 });
  const log = new OutputLog({ bounds, spill, receipts: () => receipts });
  try {
    await use(log, receipts);
  } finally {
    await log.dispose();
    rmSync(directory, { recursive: true });
  }
}

interface Receiver {
  asked: number;
  answered: number;
}

type Step = "append" | "ask" | "answer" | "leave" | "come back";

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>("append") },
  { weight: 3, arbitrary: fc.constant<Step>("ask") },
  { weight: 3, arbitrary: fc.constant<Step>("answer") },
  { weight: 1, arbitrary: fc.constantFrom<Step>("leave", "come back") },
);

test("nothing is dropped that the receiver has not confirmed, nor any of the newest", async () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 130 }), async (taken, pieceBytes) => {
      await received(async (log, receipts) => {
        const all = numberedBytes(taken.length * pieceBytes);
        let entered = 0;
        /** How much had been sent before each question, and before the last that was answered. */
        let asked = [0];
        let confirmed = 0;
        let isThere = true;
        for (const each of taken) {
          if (each === "append") {
            log.append("stdout", all.subarray(entered, entered + pieceBytes));
            entered += pieceBytes;
          } else if (each === "ask") {
            receipts.asked++;
            // One that is there but lacks something proves nothing by its answer.
            asked.push(isThere ? entered : 0);
          } else if (each === "answer") {
            receipts.answered = receipts.asked;
            confirmed = Math.max(confirmed, asked.at(-1) ?? 0);
          } else {
            isThere = each === "come back";
            log.setReceived(isThere);
            // Another receiver is asked anew.
            if (each === "leave") asked = asked.map(() => 0);
            if (each === "leave") Object.assign(receipts, { asked: 0, answered: 0 });
          }
          const { bytes, droppedBytes } = await readWhole((page) => log.read(page));
          assert.ok(bytes.equals(all.subarray(droppedBytes, entered)));
          assert.ok(droppedBytes <= confirmed, "dropped what was not confirmed");
          assert.ok(bytes.length >= Math.min(entered, bounds.bytesMax - bounds.chunkBytesMax));
        }
      });
    }),
    { numRuns: 60 },
  );
});

test("what one receiver has not confirmed is not confirmed by the next, who still lacks it", async () => {
  await received(async (log, receipts) => {
    const all = numberedBytes(1_000);
    const append = (start: number, end: number) => {
      for (let at = start; at < end; at += 40) log.append("stdout", all.subarray(at, at + 40));
    };
    receipts.asked = 1;
    append(0, 600);
    log.setReceived(false);
    Object.assign(receipts, { asked: 3, answered: 3 });
    log.setReceived(true);
    append(600, 1_000);
    const { bytes, droppedBytes } = await readWhole((page) => log.read(page));
    assert.equal(droppedBytes, 0);
    assert.ok(bytes.equals(all));
  });
});

test("what the receiver confirms in time is written to no disk", async () => {
  await received(async (log, receipts) => {
    const all = numberedBytes(20_000);
    for (let start = 0; start < all.length; start += 40) {
      log.append("stdout", all.subarray(start, start + 40));
      receipts.answered = receipts.asked++;
    }
    const { droppedBytes, bytes } = await readWhole((page) => log.read(page));
    assert.equal(droppedBytes + bytes.length, all.length);
    assert.ok(bytes.length <= bounds.bytesMax + 3 * 40, `${bytes.length} bytes were kept`);
  });
});

const printed = Buffer.from(
  Array.from({ length: 3_000_000 }, (_, at) => `${at + 1}\n`).join(""),
  "latin1",
);

/** Has 23 MB printed while the client is there, and reads what is retained then. */
async function retainedOfFlood(client: Client): Promise<{ bytes: Buffer; droppedBytes: number }> {
  await client.initialize();
  client.notify("initialized");
  await client.request("process/start", {
    ...{ processId: "p", argv: ["/usr/bin/seq", "1", "3000000"], cwd: "file:///tmp" },
    ...{ env: { PATH: "/usr/bin:/bin" }, tty: false },
  });
  await client.event("process/closed");
  const read = (page: object) => client.request("process/read", { processId: "p", ...page });
  const whole = await readWhole(read);
  assert.equal(whole.bytes.length + whole.droppedBytes, printed.length);
  assert.ok(whole.bytes.equals(printed.subarray(whole.droppedBytes)));
  return whole;
}

interface PingedClient {
  readonly client: Client;
  /** The pings that came. */
  readonly pings: string[];
}

/** A client that answers only the pings that it is told to answer. */
async function pingedClient(
  t: TestContext,
  url: string,
  isAnswered: (ping: string, pings: readonly string[]) => boolean,
): Promise<PingedClient> {
  const socket = new WebSocket(url, { perMessageDeflate: false, autoPong: false });
  t.after(() => socket.terminate());
  const pings: string[] = [];
  socket.on("ping", (payload: Buffer) => {
    const ping = payload.toString();
    pings.push(ping);
    if (isAnswered(ping, pings)) socket.pong(payload);
  });
  await new Promise((resolve) => socket.once("open", resolve));
  return { client: new Client(socket), pings };
}

test("of a flood that a client confirms the newest mebibyte stays, and little more", async (t) => {
  const { url } = await startServer(t);
  const client = await connect(url);
  t.after(() => client.socket.terminate());
  const { bytes } = await retainedOfFlood(client);
  assert.ok(bytes.length > 2 ** 20 - 8192 && bytes.length < 12 * 2 ** 20, `${bytes.length} bytes`);
});

test("of a flood that a client never confirms everything stays, and it is not asked for ever", async (t) => {
  const { url } = await startServer(t);
  const { client, pings } = await pingedClient(t, url, () => false);
  const { droppedBytes } = await retainedOfFlood(client);
  assert.equal(droppedBytes, 0);
  const numbered = pings.filter((ping) => Number.parseInt(ping, 10) > 0);
  assert.equal(numbered.length, unansweredReceiptsMax);
});

test("a client that cannot confirm for a while is asked again, and what it confirms then goes", async (t) => {
  const { url } = await startServer(t);
  const { client, pings } = await pingedClient(
    t,
    url,
    (ping, { length }) => ping === "" || length > unansweredReceiptsMax + 5,
  );
  const { bytes } = await retainedOfFlood(client);
  assert.ok(pings.length > unansweredReceiptsMax + 5);
  assert.ok(bytes.length < 16 * 2 ** 20, `${bytes.length} bytes`);
});

test("a client that answers its first ping only gets all of a flood, after a while", async (t) => {
  const { url } = await startServer(t);
  const { client, pings } = await pingedClient(t, url, (_, { length }) => length === 1);
  await retainedOfFlood(client);
  assert.ok(pings.length > 1);
});
