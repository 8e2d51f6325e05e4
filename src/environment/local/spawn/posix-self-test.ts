import { type ProcessSink, SpawnError, type Spawner } from "./spawner.ts";

const hasTerminalCode = 42;

/**
 * Emulated kernels take starts for successful that are not, or give no controlling terminal. Throws
 * with the reason.
 */
export async function testSpawner(spawner: Spawner): Promise<void> {
  await Promise.all([testTerminal(spawner), testRefusal(spawner)]);
}

async function testTerminal(spawner: Spawner): Promise<void> {
  const script = `test -t 0 && : >/dev/tty && exit ${hasTerminalCode}`;
  const exitCode = await exitCodeOf(spawner, ["/bin/sh", "-c", script]);
  if (exitCode === hasTerminalCode) return;
  throw new Error(`a shell on a terminal of its own ended with ${exitCode}`);
}

async function testRefusal(spawner: Spawner): Promise<void> {
  try {
    const exitCode = await exitCodeOf(spawner, ["/dev/null/missing"]);
    throw new Error(`a program that does not exist seemed to start and ended with ${exitCode}`);
  } catch (thrown) {
    if (thrown instanceof SpawnError && thrown.code === "ENOTDIR") return;
    throw thrown;
  }
}

function exitCodeOf(spawner: Spawner, argv: [string, ...string[]]): Promise<number> {
  return new Promise((resolve, reject) => {
    const sink: ProcessSink = {
      output: () => {},
      exited: ({ exitCode }) => resolve(exitCode),
      ended: () => {},
      drained: () => {},
      stdinGone: () => {},
    };
    spawner.start({ argv, env: {}, cwd: "/", stdio: "pty", isShort: true }, sink).catch(reject);
  });
}
