import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../../protocol/errors.ts";
import { isTransientShortage } from "../../../protocol/shortages.ts";
import { createNodeSpawner } from "./node-spawner.ts";
import { testSpawner } from "./posix-self-test.ts";
import { createPosixSpawner } from "./posix-spawner.ts";
import type { LastWork, Spawner } from "./spawner.ts";
import { terminalHindrance } from "./terminal-hindrance.ts";

interface CreateOptions {
  /** Insists on one: then it rejects where that one does not work. */
  readonly kind?: "posix" | "node";
  readonly lastWork?: LastWork | undefined;
  /** Given a spawner that is about to be tested; what it runs first is what it is given now. */
  readonly untested?: (spawner: Spawner) => void;
}

/**
 * The better of what works on this machine; where that is less than it could be, the capabilities
 * say why.
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

/** `withoutTerminals` says why there can be none, which a first try has shown. */
async function createTestedPosixSpawner(
  options: CreateOptions,
  withoutTerminals?: string,
): Promise<Spawner> {
  const spawner = await createPosixSpawner(options.lastWork, withoutTerminals);
  options.untested?.(spawner);
  try {
    await setImmediate();
    await testSpawner(spawner).catch(forgiveShortage);
    // Behind the tests, for which the first client waits, and before the first start for somebody.
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
 * What is short of descriptors, processes or memory starts nothing by other means either, and that
 * says nothing of the machine: a server must not do with less for good because of who else works
 * there while it is tested.
 */
function forgiveShortage(thrown: unknown): void {
  if (!isTransientShortage(thrown)) throw thrown;
}
