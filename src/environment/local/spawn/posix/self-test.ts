import { type ProcessSink, SpawnError, type Spawner, type Stdio } from "../start/spawner.ts";

const successCode = 42;

/**
 * Tests the starts of a spawner, because emulated kernels report failed ones as successful, or give
 * no controlling terminal. Throws with the reason.
 */
export async function testSpawner(spawner: Spawner): Promise<void> {
  const isWithTerminals = spawner.capabilities.tty;
  const testStart = isWithTerminals ? testTerminal : testPipes;
  await Promise.all([testStart(spawner), testRefusal(spawner, isWithTerminals ? "pty" : "pipes")]);
}

/** Throws when a shell gets no terminal of its own. */
export async function testTerminal(spawner: Spawner): Promise<void> {
  const script = `test -t 0 && : >/dev/tty && exit ${successCode}`;
  const exitCode = await exitCodeOf(spawner, ["/bin/sh", "-c", script], "pty");
  if (exitCode === successCode) return;
  throw new Error(`a shell on a terminal of its own ended with ${exitCode}`);
}

async function testPipes(spawner: Spawner): Promise<void> {
  const exitCode = await exitCodeOf(spawner, ["/bin/sh", "-c", `exit ${successCode}`], "pipes");
  if (exitCode === successCode) return;
  throw new Error(`a shell that was to end with ${successCode} ended with ${exitCode}`);
}

async function testRefusal(spawner: Spawner, stdio: Stdio): Promise<void> {
  try {
    const exitCode = await exitCodeOf(spawner, ["/dev/null/missing"], stdio);
    throw new Error(`a program that does not exist seemed to start and ended with ${exitCode}`);
  } catch (thrown) {
    if (thrown instanceof SpawnError && thrown.code === "ENOTDIR") return;
    throw thrown;
  }
}

type Argv = [string, ...string[]];

function exitCodeOf(spawner: Spawner, argv: Argv, stdio: Stdio): Promise<number> {
  return new Promise((resolve, reject) => {
    const sink: ProcessSink = {
      output: () => {},
      exited: ({ exitCode }) => resolve(exitCode),
      ended: () => {},
      drained: () => {},
      stdinGone: () => {},
    };
    spawner.start({ argv, env: {}, cwd: "/", stdio, isShort: true }, sink).catch(reject);
  });
}
