import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { loadLibc } from "../src/environment/local/libc/libc.ts";
import { createSpawner } from "../src/environment/local/spawn/create-spawner.ts";
import type { Spawner } from "../src/environment/local/spawn/start/spawner.ts";
import { treeKillGraceMs } from "../src/limits.ts";
import { keepersOf } from "./support/process-table.ts";
import { run, shell, start } from "./support/spawned.ts";

const openFilesLimit = 7;

/** What the descriptors of this process are, as the kernel names it, but for standard streams. */
function openThings(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return Number(fd) > 2 ? readlinkSync(`/proc/self/fd/${fd}`) : [];
    } catch {
      // The one by which the directory was read.
      return [];
    }
  });
}

/**
 * Node connects its children by sockets. Those to the `mkfifo` that makes pipes in stock are closed
 * when it has ended, at any time beside a test.
 */
const openSockets = () => openThings().filter((name) => name.startsWith("socket:")).length;

/** tsx looks through the folder of what it has compiled, beside the first tests. */
const isLookedThrough = () => openThings().some((name) => name.startsWith(tmpdir()));

const socketsBefore = openSockets();

/** That to its keeper, which is there as long as the spawner. */
const socketsOf = { posix: 0, node: 1 };

async function untilNothingIsMade(kind: keyof typeof socketsOf): Promise<void> {
  const isBusy = () => openSockets() > socketsBefore + socketsOf[kind] || isLookedThrough();
  while (isBusy()) await setImmediate();
}

interface Descriptors {
  readonly count: number;
  readonly kind: keyof typeof socketsOf;
}

/** Leaves this process so many descriptors while `act` runs, which uses a spawner of that kind. */
async function withDescriptorsLeft(
  { count, kind }: Descriptors,
  act: () => Promise<void>,
): Promise<void> {
  const libc = await loadLibc();
  await untilNothingIsMade(kind);
  const limits = new BigUint64Array(2);
  libc.prlimit(0, openFilesLimit, null, limits);
  const [soft = 0n, hard = 0n] = limits;
  const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
  libc.prlimit(0, openFilesLimit, BigUint64Array.of(BigInt(highest + 40), hard), null);
  const fillers = openAllThatIsLeft();
  for (const fd of fillers.splice(0, count)) closeSync(fd);
  try {
    await act();
  } finally {
    for (const fd of fillers) closeSync(fd);
    libc.prlimit(0, openFilesLimit, BigUint64Array.of(soft, hard), null);
  }
}

function openAllThatIsLeft(): number[] {
  const fds: number[] = [];
  for (;;) {
    try {
      fds.push(openSync("/dev/null", "r"));
    } catch {
      // None is left: that was the purpose.
      return fds;
    }
  }
}

for (const kind of ["posix", "node"] as const) {
  describe(`without descriptors a spawner of kind ${kind}`, () => {
    let spawner: Spawner;

    before(async () => {
      spawner = await createSpawner({ kind });
      await run(spawner, shell("true"));
    });

    after(() => spawner.close());

    for (const stdio of ["pipes", "pipes+stdin", "pty"] as const) {
      test(`refuses a start with ${stdio}, keeps nothing, and starts again later`, async () => {
        const count = stdio === "pty" ? 0 : 3;
        await withDescriptorsLeft({ count, kind }, async () => {
          for (let attempts = 0; attempts < 20; attempts++) {
            await assert.rejects(run(spawner, shell("true", { stdio })), {
              code: "EMFILE",
              stage: "system",
              message: /^Too many open files \(os error 24\): /,
            });
          }
          // Of a `mkfifo` that could not be started.
          await setImmediate();
          const left = openAllThatIsLeft();
          for (const fd of left) closeSync(fd);
          // Node may have closed one of its own meanwhile; twenty attempts would keep twenty.
          assert(left.length >= count, `${count - left.length} are kept`);
        });
        assert.equal((await run(spawner, shell("exit 4", { stdio }))).exit?.exitCode, 4);
      });
    }
  });
}

test("a keeper that could not be started without descriptors is there for a later start", async () => {
  const spawner = await createSpawner({ kind: "node" });
  await withDescriptorsLeft({ count: 0, kind: "node" }, async () => {
    spawner.ownVariables();
    // Failures are told later, and could be met by another try.
    for (let turns = 0; turns < 100; turns++) await setImmediate();
  });
  await run(spawner, shell("true"));
  assert.equal(keepersOf(process.pid).length, 1);
  await spawner.close();
});

test("with one descriptor left a terminal still works, and its end is told", async () => {
  const spawner = await createSpawner({ kind: "posix" });
  await run(spawner, shell("true"));
  await withDescriptorsLeft({ count: 1, kind: "posix" }, async () => {
    const started = await start(spawner, shell("echo still here; exit 6", { stdio: "pty" }));
    await started.untilOver();
    assert.deepEqual([started.text(), started.exit?.exitCode], ["still here\r\n", 6]);
  });
  await spawner.close();
});

test("a kill without a descriptor left waits for one, and then finds everybody", async () => {
  const spawner = await createSpawner({ kind: "posix" });
  const started = await start(spawner, shell("setsid sh -c 'echo begun; exec sleep 1000' &"));
  await started.until(() => started.exit !== undefined && started.told.includes("output"));
  let killing: Promise<void> | undefined;
  await withDescriptorsLeft({ count: 0, kind: "posix" }, async () => {
    killing = started.process.killTree();
    // For longer than those of killed processes take to become free.
    await Promise.race([killing, setTimeout(treeKillGraceMs * 1.5)]);
  });
  await killing;
  await started.untilOver();
  await spawner.close();
});
