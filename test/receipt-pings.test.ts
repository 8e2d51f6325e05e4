import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import type { WebSocket } from "ws";
import { receiptIntervalBytes, unansweredReceiptsMax } from "../src/limits.ts";
import { ReceiptPings, receiptPingBytesMax } from "../src/server/receipt-pings.ts";

/** Where pings wait one behind the other until the other end takes them. */
class Line {
  readonly #webSocket = new EventEmitter();
  readonly pings = new ReceiptPings(this.#webSocket as unknown as WebSocket);
  readonly #memory = Buffer.alloc(receiptIntervalBytes + receiptPingBytesMax);
  /** Payloads of the pings that are on their way. */
  readonly waiting: string[] = [];
  /** The last question that the other end has seen. */
  seen = 0;

  send(): void {
    const end = this.pings.writeBehind(this.#memory, receiptIntervalBytes);
    if (end > receiptIntervalBytes) this.waiting.push(this.#payload(end));
  }

  /** The keepalive's, of which one is under way at a time. */
  heartbeat(): void {
    if (!this.waiting.includes("heartbeat")) this.waiting.push("heartbeat");
  }

  answer(): void {
    this.#take((payload) => this.#pong(payload));
  }

  /** As one that waits for events which it has let go. */
  answerUnnumbered(): void {
    this.#take((payload) => payload === "" && this.#pong(payload));
  }

  /** As RFC 6455 allows. */
  answerNewest(): void {
    while (this.waiting.length > 1) this.#take(() => {});
    this.answer();
  }

  #payload(end: number): string {
    const [kind, length] = this.#memory.subarray(receiptIntervalBytes);
    assert.deepEqual([kind, length], [0x89, end - receiptIntervalBytes - 2]);
    return this.#memory.toString("latin1", receiptIntervalBytes + 2, end);
  }

  #take(use: (payload: string) => void): void {
    const payload = this.waiting.shift();
    if (payload === undefined) return;
    const content = payload === "heartbeat" ? "" : payload;
    this.seen = Math.max(this.seen, Number(content));
    use(content);
  }

  #pong(payload: string): void {
    this.#webSocket.emit("pong", Buffer.from(payload));
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constant("send" as const) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...(["answer", "answerUnnumbered", "answerNewest", "heartbeat"] as const),
    ),
  },
);
/** The same for a while, or there would never be many on their way. */
const steps = fc.array(fc.record({ step, times: fc.constantFrom(1, 3, 70) }), { maxLength: 60 });

/** The library at the other end cuts the connection when more pongs wait. */
const waitingPongsMax = 60;

test("questions that are on their way never get too many, whoever answers what", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const line = new Line();
      for (const { step, times } of taken) {
        for (let count = 0; count < times; count++) {
          line[step]();
          assert.ok(line.waiting.length < waitingPongsMax, `${line.waiting.length} wait`);
          assert.ok(line.pings.answered <= line.seen, "confirmed what nobody has seen");
        }
      }
      // Whatever was before, somebody who answers has soon confirmed everything.
      for (let count = 0; count < 3; count++) {
        while (line.waiting.length > 0) line.answer();
        line.send();
      }
      assert.equal(line.waiting.length, 1);
      assert.equal(line.pings.answered, line.pings.asked - 1);
    }),
    { numRuns: 500 },
  );
});

test("only so many questions are asked ahead of the answers, and one that needs no number", () => {
  const line = new Line();
  for (let count = 0; count < 100; count++) line.send();
  assert.equal(line.waiting.length, unansweredReceiptsMax + 1);
  assert.equal(line.waiting.at(-1), "");
  line.answer();
  line.send();
  assert.equal(line.waiting.at(-1), `${unansweredReceiptsMax + 1}`);
});

test("nothing is asked behind messages that have overtaken others which wait", () => {
  const pings = new ReceiptPings(new EventEmitter() as unknown as WebSocket);
  const memory = Buffer.alloc(100);
  assert.equal(pings.writeBehind(memory, receiptIntervalBytes, false), receiptIntervalBytes);
  assert.equal(pings.asked, 0);
  assert.ok(pings.writeBehind(memory, 10, true) > 10);
  assert.equal(pings.asked, 1);
});
