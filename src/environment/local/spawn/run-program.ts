import { Buffer } from "node:buffer";
import { deferred } from "../../../async/deferred.ts";
import { PatientTimer } from "../../../async/patient-timer.ts";
import type { ProcessSink, Spawner } from "./start/spawner.ts";
import { wholeEnd } from "./start/whole-end.ts";

export interface ProgramRun {
  readonly argv: readonly [string, ...string[]];
  /** After this time the program is killed, with its descendants. */
  readonly timeoutMs: number;
  /** Per stream; the rest is dropped. */
  readonly outputBytesMax: number;
}

export interface ProgramEnd {
  /** 128 + n for death by signal n. */
  readonly exitCode: number;
  readonly isTimedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program that ends by itself, in the root directory and with an empty environment. Rejects
 * with a SpawnError when it cannot be started.
 */
export async function runProgram(spawner: Spawner, run: ProgramRun): Promise<ProgramEnd> {
  const { argv, timeoutMs, outputBytesMax } = run;
  const { sink, end } = gather(outputBytesMax);
  const process = await spawner.start(
    { argv, env: {}, cwd: "/", stdio: "pipes", isShort: true },
    sink,
  );
  let isTimedOut = false;
  const timeout = new PatientTimer(timeoutMs, () => {
    isTimedOut = true;
    void process.killTree().finally(() => process.abandonOutput());
  });
  const ended = await end;
  timeout.stop();
  return { ...ended, isTimedOut };
}

function gather(outputBytesMax: number) {
  const gathered = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), pty: Buffer.alloc(0) };
  const { promise: end, resolve } = deferred<Omit<ProgramEnd, "isTimedOut">>();
  const sink: ProcessSink = {
    output: (stream, bytes) => {
      const all = Buffer.concat([gathered[stream], bytes]);
      gathered[stream] = all.subarray(0, outputBytesMax);
    },
    ...wholeEnd(({ exitCode }) => {
      const { stdout, stderr } = gathered;
      resolve({ exitCode, stdout: stdout.toString(), stderr: stderr.toString() });
    }),
  };
  return { sink, end };
}
