import { createNodeSpawner } from "./node-spawner.ts";
import { testSpawner } from "./posix-self-test.ts";
import { createPosixSpawner } from "./posix-spawner.ts";
import type { LastWork, Spawner } from "./spawner.ts";

/**
 * The better of what works on this machine; where that is less than it could be, the capabilities
 * say why. `kind` insists on one: then it rejects where that one does not work.
 */
export async function createSpawner(options?: {
  readonly kind?: "posix" | "node";
  readonly lastWork?: LastWork | undefined;
}): Promise<Spawner> {
  const lastWork = options?.lastWork;
  if (options?.kind === "node") return createNodeSpawner([]);
  if (options?.kind === "posix") return createTestedPosixSpawner(lastWork);
  if (process.platform !== "linux") {
    return createNodeSpawner([
      `Processes are started natively on Linux only, not ${process.platform}.`,
    ]);
  }
  try {
    return await createTestedPosixSpawner(lastWork);
  } catch (thrown) {
    // No prebuilt module for this platform, or a system that does not behave like Linux.
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    return createNodeSpawner([`Processes cannot be started natively: ${cause}.`]);
  }
}

async function createTestedPosixSpawner(lastWork: LastWork | undefined): Promise<Spawner> {
  const spawner = await createPosixSpawner(lastWork);
  try {
    await testSpawner(spawner);
    return spawner;
  } catch (thrown) {
    await spawner.close();
    throw thrown;
  }
}
