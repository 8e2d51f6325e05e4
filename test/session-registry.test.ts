import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import type { LocalEnvironment } from "../src/environment/local/environment.ts";
import { standstillMsMin } from "../src/limits.ts";
import { BulkTurns } from "../src/server/bulk-turns.ts";
import { Connection } from "../src/server/connection.ts";
import { checkSteps, FakeAttachment, type Step, World } from "./support/registry-model.ts";
import { standStill } from "./support/standing-still.ts";
import { until } from "./support/until.ts";

const who = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: "create" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("detach" as const), session: who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("detachOld" as const), session: who }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("resume" as const),
      session: who,
      holderLives: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), session: who }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 30, 50, 99, 100),
      timersAreLate: fc.boolean(),
    }),
  },
);

/** Timers and the clock stand still unless the world says otherwise. */
function newWorld(t: TestContext): World {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const world = new World((ms) => t.mock.timers.tick(ms));
  t.mock.method(performance, "now", () => world.nowMs);
  return world;
}

describe("the sessions of a server", () => {
  test("come, go, expire and are resumed as a plain list of them says", async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = newWorld(t);
        try {
          await checkSteps(world, steps);
        } finally {
          t.mock.reset();
        }
      }),
      { numRuns: 300 },
    );
  });

  test("go to one of those who resume at once, while their holder is asked", async (t) => {
    const world = newWorld(t);
    const { session, attachment } = world.create();
    const rivals = Array.from({ length: 5 }, () => world.resume(session.id));
    // Who wins is a live holder for the others.
    for (const rival of rivals) rival.attachment.answerProbes(true);
    attachment.answerProbes(false);
    const outcomes = await Promise.allSettled(rivals.map(({ resumed }) => resumed));
    const winners = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(winners.length, 1);
    assert.equal(attachment.cuts, 1);
    assert.deepEqual(world.registry.census, { attached: 1, detached: 0 });
  });

  test("are not kept by a client that went while their holder was asked", async (t) => {
    const world = newWorld(t);
    const { session, attachment: holder } = world.create();
    const attachment = new FakeAttachment();
    // What the handshake would say of the machine is not reached.
    const environment = {} as LocalEnvironment;
    const bulk = new BulkTurns(() => 0);
    const heir = new Connection({ environment, sessions: world.registry, attachment, bulk });
    const opened = heir.initialize({ clientName: "heir", resumeSessionId: session.id });
    await heir.close();
    holder.answerProbes(false);
    await assert.rejects(opened, { code: -32600, message: /closed while the session/ });
    assert.deepEqual(world.registry.census, { attached: 0, detached: 1 });
  });

  test("are kept as long again when nobody could resume them, as the server stood still", async () => {
    const world = new World(() => {});
    const { session, attachment } = world.create();
    const detachedAtMs = performance.now();
    world.registry.detach(session, attachment);
    standStill(world.ttlMs + standstillMsMin + 10);
    await until("the session expires", () => world.endings.length === 1);
    assert.ok(performance.now() - detachedAtMs > 2 * world.ttlMs + standstillMsMin);
  });

  test("that end while a resume waits for the holder are unknown to it", async (t) => {
    const world = newWorld(t);
    const { session, attachment } = world.create();
    const { resumed } = world.resume(session.id);
    await world.registry.end(session.id, "ended by its client");
    attachment.answerProbes(false);
    await assert.rejects(resumed, { code: -32600 });
    assert.deepEqual(world.registry.census, { attached: 0, detached: 0 });
  });

  test("are refused beyond the bound, and taken again when one has ended", async (t) => {
    const world = newWorld(t);
    const sessions = Array.from({ length: world.sessionsMax }, () => world.create().session);
    assert.throws(() => world.create(), { code: -32600, message: /maximum of 6 sessions/ });
    await world.registry.end(sessions[0]?.id ?? "", "ended by its client");
    world.create();
  });
});
