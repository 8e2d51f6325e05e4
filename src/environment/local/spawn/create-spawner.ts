import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../../protocol/errors.ts";
import { isTransientShortage } from "../../../protocol/shortages.ts";
import { createNodeSpawner } from "./node/spawner.ts";
import { testSpawner } from "./posix/self-test.ts";
import { createPosixSpawner } from "./posix/spawner.ts";
import type { LastWork, Spawner } from "./start/spawner.ts";
import { terminalHindrance } from "./start/terminal-hindrance.ts";

interface CreateOptions {
  /** Demands one implementation: rejects where it does not work. The better one when absent. */
  readonly kind?: "posix" | "node";
  readonly lastWork?: LastWork | undefined;
  /**
   * Called with a spawner before it is tested, so that the caller's starts run ahead of the tests.
   */
  readonly untested?: (spawner: Spawner) => void;
}

/**
 * The better spawner of those that work on this machine. Its capabilities say why, when something
 * is missing.
 */
export async function createSpawner(options: CreateOptions = {}): Promise<Spawner> {
  if (options.kind === "node") return createNodeSpawner([]);
  if (options.kind === "posix") return createTestedPosixSpawner(options);
  if (process.platform !== "linux") {
    return createNodeSpawner([
      `Processes are started natively on Linux only, not ${process.platform}.`,
    ]);
  }
  try {
    return await createTestedPosixSpawner(options);
  } catch (thrown) {
    // No prebuilt module for this platform, or a system that does not behave like Linux.
    const cause = messageOf(thrown).replace(/\.$/, "");
    return createNodeSpawner([`Processes cannot be started natively: ${cause}.`]);
  }
}

/** `withoutTerminals` is the reason why there are no terminals, found by a first attempt. */
async function createTestedPosixSpawner(
  options: CreateOptions,
  withoutTerminals?: string,
): Promise<Spawner> {
  const spawner = await createPosixSpawner(options.lastWork, withoutTerminals);
  options.untested?.(spawner);
  try {
    await setImmediate();
    await testSpawner(spawner).catch(forgiveShortage);
    // After the tests, which the first client waits for, and before any client's start.
    spawner.ensureKeeper();
    return spawner;
  } catch (thrown) {
    await spawner.close();
    const hindrance = withoutTerminals === undefined ? terminalHindrance() : undefined;
    if (hindrance === undefined) throw thrown;
    return createTestedPosixSpawner(options, hindrance);
  }
}

/**
 * A lack of descriptors, processes or memory during the test would fail the other spawner as well,
 * and says nothing about the machine. The server must not use the weaker one for good because of
 * it.
 */
function forgiveShortage(thrown: unknown): void {
  if (!isTransientShortage(thrown)) throw thrown;
}
