import { Buffer } from "node:buffer";
import { constants as system } from "node:os";
import type { StartWorker, WorkerListener } from "../../sandbox/workers/worker-process.ts";
import type { ProcessExit, ProcessSink, Spawner } from "./spawn/start/spawner.ts";
import { wholeEnd } from "./spawn/start/whole-end.ts";

const nothing = new Uint8Array();

/** Starts the sandbox's workers with the spawner, which takes 2 ms less than Node. */
export const workersBy =
  (spawner: () => Spawner): StartWorker =>
  async ({ file, argv, env, cwd, seccomp }, fds, listener) => {
    const feeds = [{ head: seccomp, rest: nothing }];
    const request = { env, cwd, stdio: "pipes+stdin", fds, feeds } as const;
    const process = await spawner().start({ argv: [file, ...argv], ...request }, sinkOf(listener));
    const [feed] = process.feeds;
    const mounted = feed?.begun;
    const finish = () => feed?.finish();
    if (mounted) void mounted.then(finish);
    else finish();
    return {
      pid: process.pid,
      mounted,
      write: (bytes) => void process.write(bytes),
      end: () => process.endStdin(),
      kill: () => void process.signal(system.signals.SIGKILL, "leader"),
    };
  };

const sinkOf = (listener: WorkerListener): ProcessSink => ({
  output: (stream, bytes) => {
    if (stream === "stdout") listener.answered(kept(bytes));
    else listener.complained(bytes);
  },
  ...wholeEnd((exit) => listener.ended(endingOf(exit))),
});

const newline = 0x0a;

/**
 * Copies a small piece that does not end a line: the receiver keeps it, but its memory is reused.
 */
function kept(bytes: Buffer): Buffer {
  const isOurs = bytes.length * 2 >= bytes.buffer.byteLength;
  return isOurs || bytes.at(-1) === newline ? bytes : Buffer.from(bytes);
}

function endingOf({ exitCode, signal }: ProcessExit) {
  const name = Object.entries(system.signals).find(([, number]) => number === signal)?.[0];
  return { exitCode, signal: name };
}
