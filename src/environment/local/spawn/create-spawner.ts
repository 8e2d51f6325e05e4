import { testSpawner } from "./posix-self-test.ts";
import { createPosixSpawner } from "./posix-spawner.ts";
import type { Spawner } from "./spawner.ts";

/** The better of what works here; `kind` insists on one. */
export async function createSpawner(_options?: { kind?: "posix" | "node" }): Promise<Spawner> {
  return createTestedPosixSpawner();
}

async function createTestedPosixSpawner(): Promise<Spawner> {
  const spawner = await createPosixSpawner();
  try {
    await testSpawner(spawner);
    return spawner;
  } catch (thrown) {
    await spawner.close();
    throw thrown;
  }
}
