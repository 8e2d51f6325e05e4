import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import type { WebSocket } from "ws";
import {
  marksInFlight,
  receiptIntervalBytes,
  sentInFlightBytesMin,
  unansweredReceiptsMax,
} from "../src/limits.ts";
import { ArrivalWindow } from "../src/server/socket/arrival-window.ts";
import { ReceiptPings, receiptPingBytesMax } from "../src/server/socket/receipt-pings.ts";

const partBytes = sentInFlightBytesMin / marksInFlight;

/** Where pings wait one behind the other until the other end takes them. */
class Line {
  readonly #webSocket = new EventEmitter();
  readonly #window = new ArrivalWindow(() => {});
  readonly pings = new ReceiptPings(this.#webSocket as unknown as WebSocket, this.#window);
  readonly #memory = Buffer.alloc(receiptIntervalBytes + receiptPingBytesMax);
  /** Payloads of the pings that are on their way. */
  readonly waiting: string[] = [];
  /** The last question that the other end has seen. */
  seen = 0;

  send(): void {
    const end = this.pings.writeBehind(this.#memory, receiptIntervalBytes);
    if (end > receiptIntervalBytes) this.waiting.push(this.#payload(end));
  }

  /** Sends what goes before others that wait, if there is room for it. */
  sendPart(): void {
    if (!this.#window.isOpen) return;
    const end = this.pings.writeBehind(this.#memory, partBytes, false);
    if (end > partBytes) this.waiting.push(this.#payload(end, partBytes));
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

  #payload(end: number, start = receiptIntervalBytes): string {
    const [kind, length] = this.#memory.subarray(start);
    assert.deepEqual([kind, length], [0x89, end - start - 2]);
    return this.#memory.toString("latin1", start + 2, end);
  }

  #take(use: (payload: string) => void): void {
    const payload = this.waiting.shift();
    if (payload === undefined) return;
    const content = payload === "heartbeat" ? "" : payload;
    this.seen = Math.max(this.seen, Number.parseInt(content || "0", 10));
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
      ...(["sendPart", "answer", "answerUnnumbered", "answerNewest", "heartbeat"] as const),
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
  assert.match(line.waiting.at(-1) ?? "", new RegExp(`^${unansweredReceiptsMax + 1} `));
});

test("nothing is asked behind messages that have overtaken others which wait", () => {
  const pings = new ReceiptPings(
    new EventEmitter() as unknown as WebSocket,
    new ArrivalWindow(() => {}),
  );
  const memory = Buffer.alloc(receiptIntervalBytes + receiptPingBytesMax);
  pings.writeBehind(memory, receiptIntervalBytes, false);
  assert.equal(pings.asked, 0);
  assert.ok(pings.writeBehind(memory, 10, true) > 10);
  assert.equal(pings.asked, 1);
});
