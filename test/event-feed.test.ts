import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { EventFeed } from "../src/environment/local/output/event-feed.ts";
import { OutputLog } from "../src/environment/local/output/output-log.ts";

/** Fails when it is asked for more than a client that came back could want. */
class WatchedLog extends OutputLog {
  #looks = 0;

  override eventsAfter(...asked: Parameters<OutputLog["eventsAfter"]>) {
    assert.ok(++this.#looks < 10, "it was looked for what is not there");
    return super.eventsAfter(...asked);
  }
}

test("output that is retained nowhere is not looked for again and again", async () => {
  const log = new WatchedLog({ bounds: { bytesMax: 1_000 } });
  const sent: number[] = [];
  let isBehind = false;
  const feed = new EventFeed({
    ...{ processId: "p", log, emit: () => true, onFull: () => {} },
    emitOutput: (_, { firstSeq }) => sent.push(firstSeq) > 0,
    onCatchUp: (on) => (isBehind = on),
  });
  const print = (bytes: number) => {
    for (const run of log.append("stdout", Buffer.alloc(bytes))) feed.sendOutput(run);
  };
  feed.detach();
  for (const bytes of [400, 400]) print(bytes);
  const page = { processId: "p", maxBytes: 1, pushRest: true };
  feed.wasRead(await log.read(page), page);
  // Takes all that is retained with it.
  print(8_000);
  while (isBehind) await new Promise(setImmediate);
  print(10);
  assert.deepEqual([sent, log.nextSeq], [[1, 2, 4], 5]);
});
