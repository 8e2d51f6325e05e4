import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { run, type Spawned, shell, start } from "./support/spawned.ts";

describe("a terminal that floods", () => {
  let spawner: Spawner;

  before(async () => {
    spawner = await createSpawner({ kind: "posix" });
  });

  after(() => spawner.close());

  const flood = (command: string) => start(spawner, shell(command, { stdio: "pty" }));
  const openDescriptors = () => readdirSync("/proc/self/fd").length;

  test("loses nothing and stays in order, also beside more than are read ahead", async () => {
    const lines = (first: number) => `seq ${first} ${first + 300_000}; echo tail`;
    const check = async (first: number) => {
      const ran = await run(spawner, shell(lines(first), { stdio: "pty" }));
      const expected = Array.from({ length: 300_001 }, (_, index) => `${first + index}\r\n`);
      assert(ran.text() === `${expected.join("")}tail\r\n`, "what came is not what was printed");
    };
    await Promise.all([1, 1e6, 2e6, 3e6, 4e6, 5e6, 6e6].map(check));
  });

  test("waits while nobody takes it, and goes on where it stopped", async () => {
    const ran = await flood("head -c 20000000 /dev/zero; echo tail");
    for (let part = 1; part < 8; part++) {
      await ran.until(() => ran.byteCount >= part * 2_000_000);
      ran.process.flow(false);
      await untilHeld(ran);
      ran.process.flow(true);
    }
    await ran.untilOver();
    assert.equal(ran.byteCount, 20_000_006);
    assert.equal(ran.text().slice(-6), "tail\r\n");
  });

  test("is interrupted by a key", async () => {
    const ran = await flood("yes");
    await ran.until(() => ran.byteCount > 2_000_000);
    ran.process.write(Buffer.of(3));
    await ran.untilOver();
    assert.equal(ran.exit?.exitCode, 130);
  });

  test("may be left to a stranger who goes on: no descriptor stays open", async () => {
    const before = openDescriptors();
    const ran = await flood("trap '' HUP; yes & exec sleep 0.1");
    await ran.untilTold("exited");
    await ran.until(() => ran.byteCount > 2_000_000);
    ran.process.abandonOutput();
    await ran.untilTold("ended");
    await ran.process.killTree();
    while (openDescriptors() > before) await setTimeout(5);
    assert.equal(ran.told.at(-1), "ended");
  });
});

/** What had been read before it was held may still come. */
async function untilHeld(ran: Spawned): Promise<void> {
  let count = -1;
  while (count < ran.byteCount) {
    count = ran.byteCount;
    await setTimeout(30);
  }
}
