/** A session registry in a world whose clock stands still, and the list it has to agree with. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type EventReceiver, eachChunkBy } from "../../src/environment/local/output/event-feed.ts";
import type { LocalProcesses } from "../../src/environment/local/processes.ts";
import { looksBeforeGivingUp, standstillMsMin } from "../../src/limits.ts";
import type { Emit, ProcessEvent } from "../../src/protocol/methods.ts";
import type { Attachment, Session } from "../../src/server/sessions/session.ts";
import { SessionRegistry } from "../../src/server/sessions/session-registry.ts";
import type { SessionWatch } from "../../src/server/sessions/session-watch.ts";

export type Step =
  | { readonly kind: "create" }
  | { readonly kind: "detach"; readonly session: number }
  /** A connection that has lost the session closes. */
  | { readonly kind: "detachOld"; readonly session: number }
  | { readonly kind: "resume"; readonly session: number; readonly holderLives: boolean }
  | { readonly kind: "end"; readonly session: number }
  | { readonly kind: "pass"; readonly ms: number; readonly timersAreLate: boolean };

/** The far end of a connection. */
export class FakeAttachment implements Attachment {
  readonly peer = { address: undefined, connection: 1 };
  readonly traffic = { receivedBytes: 0, sentBytes: 0 };
  events = 0;
  cuts = 0;
  lives: boolean | undefined;
  readonly #probes: ((lives: boolean) => void)[] = [];

  readonly emit: Emit<ProcessEvent> = () => {
    this.events++;
    return true;
  };

  readonly emitOutput = eachChunkBy(this.emit);

  /** Answered at once when it is known whether it lives. */
  isAlive(): Promise<boolean> {
    if (this.lives !== undefined) return Promise.resolve(this.lives);
    return new Promise((resolve) => this.#probes.push(resolve));
  }

  cut(): void {
    this.cuts++;
  }

  answerProbes(lives: boolean): void {
    this.lives = lives;
    for (const answer of this.#probes.splice(0)) answer(lives);
  }
}

interface Made {
  readonly session: Session;
  readonly attachment: FakeAttachment;
}

export class World {
  readonly ttlMs = 100;
  readonly sessionsMax = 6;
  readonly registry: SessionRegistry;
  /** Labels of sessions in the order of their ends. */
  readonly endings: string[] = [];
  readonly emits = new Map<Session, Emit<ProcessEvent>>();
  readonly closes = new Map<Session, number>();
  nowMs = 0;
  readonly #tick: (ms: number) => void;
  /** Where the timers are: behind the clock when they are late. */
  timersAtMs = 0;

  constructor(tick: (ms: number) => void) {
    this.#tick = tick;
    const { sessionsMax, ttlMs } = this;
    const watch: SessionWatch = {
      opened: () => {},
      resumed: () => {},
      ended: (session) => void this.endings.push(session.id),
    };
    const makeProcesses = (session: Session, { emit }: EventReceiver) => {
      this.emits.set(session, emit);
      return this.#processes(session);
    };
    this.registry = new SessionRegistry({ makeProcesses, watch, sessionsMax, ttlMs });
  }

  create(): Made {
    const attachment = new FakeAttachment();
    return { session: this.registry.create(attachment), attachment };
  }

  resume(id: string): { attachment: FakeAttachment; resumed: Promise<Session> } {
    const attachment = new FakeAttachment();
    return { attachment, resumed: this.registry.resume(id, attachment) };
  }

  /** Fires the timers that are due. */
  fireTimers(): void {
    this.#tick(this.nowMs - this.timersAtMs);
    this.timersAtMs = this.nowMs;
  }

  #processes(session: Session): LocalProcesses {
    const close = async () => {
      this.closes.set(session, (this.closes.get(session) ?? 0) + 1);
    };
    const parts = { rejectReaders: () => {}, resumeOutput: () => {}, close };
    return parts as unknown as LocalProcesses;
  }
}

interface Row extends Made {
  holder: FakeAttachment | undefined;
  formerHolder: FakeAttachment | undefined;
  /** When its timer fires, as timers count. */
  timerAtMs: number;
  /** Ended or expired. */
  isGone: boolean;
}

export async function checkSteps(world: World, steps: readonly Step[]): Promise<void> {
  const rows: Row[] = [];
  for (const step of steps) {
    await take(world, rows, step);
    check(world, rows);
  }
}

async function take(world: World, rows: Row[], step: Step): Promise<void> {
  if (step.kind === "create") return create(world, rows);
  if (step.kind === "pass") return pass(world, rows, step);
  const row = rows[step.session];
  if (!row) return;
  switch (step.kind) {
    case "detach":
      if (row.holder) world.registry.detach(row.session, row.holder);
      return lose(world, row);
    case "detachOld":
      if (row.formerHolder) world.registry.detach(row.session, row.formerHolder);
      return;
    case "end":
      await world.registry.end(row.session.id, "ended by its client");
      row.isGone = true;
      row.holder = undefined;
      return;
    case "resume":
      return resume(world, row, step.holderLives);
  }
}

function create(world: World, rows: Row[]): void {
  if (rows.filter(({ isGone }) => !isGone).length >= world.sessionsMax) {
    assert.throws(() => world.create(), { code: -32600 });
    return;
  }
  const made = world.create();
  const state = { holder: made.attachment, formerHolder: undefined, isGone: false };
  rows.push({ ...made, ...state, timerAtMs: 0 });
}

async function resume(world: World, row: Row, holderLives: boolean): Promise<void> {
  row.holder?.answerProbes(holderLives);
  const { attachment, resumed } = world.resume(row.session.id);
  if (row.isGone) return assert.rejects(resumed, { code: -32600 });
  if (row.holder && holderLives) return assert.rejects(resumed, { code: -32010 });
  assert.equal(await resumed, row.session);
  if (row.holder) assert.equal(row.holder.cuts, 1);
  row.formerHolder = row.holder ?? row.formerHolder;
  row.holder = attachment;
}

function lose(world: World, row: Row): void {
  if (!row.holder) return;
  row.formerHolder = row.holder;
  row.holder = undefined;
  row.timerAtMs = world.timersAtMs + world.ttlMs;
}

/** A busy event loop fires its timers late, but not as late as one that stood still. */
async function pass(world: World, rows: readonly Row[], step: Step & { kind: "pass" }) {
  world.nowMs += step.ms;
  if (step.timersAreLate && world.nowMs - world.timersAtMs < standstillMsMin) return;
  world.fireTimers();
  // What has come is looked at before anything is given up.
  for (let look = 0; look <= looksBeforeGivingUp; look++) await nextTurn();
  for (const row of rows) {
    if (row.holder === undefined && world.timersAtMs >= row.timerAtMs) row.isGone = true;
  }
}

function check(world: World, rows: readonly Row[]): void {
  const living = rows.filter(({ isGone }) => !isGone);
  const attached = living.filter(({ holder }) => holder !== undefined).length;
  assert.deepEqual(world.registry.census, { attached, detached: living.length - attached });
  assert.equal(world.registry.isFull, living.length >= world.sessionsMax);
  for (const { session, holder, isGone } of rows) {
    assert.equal(world.closes.get(session) ?? 0, isGone ? 1 : 0);
    assert.equal(session.attachment, holder);
    const before = holder?.events ?? 0;
    world.emits.get(session)?.("process/closed", { processId: "p", seq: 1 });
    assert.equal(holder?.events ?? 0, holder ? before + 1 : 0);
  }
}
