/**
 * A process with a spawner, to be killed by a test: starts the shell commands of its arguments, on
 * pipes and terminals in turn, and prints a line when all have said that they are ready.
 */
import { createSpawner } from "../../src/environment/local/spawn/create-spawner.ts";
import { shell, start } from "./spawned.ts";

const spawner = await createSpawner();
await Promise.all(
  process.argv.slice(2).map(async (command, index) => {
    const spawned = await start(spawner, shell(command, { stdio: index % 2 ? "pty" : "pipes" }));
    await spawned.untilText("ready");
  }),
);
process.stdout.write("all ready\n");
