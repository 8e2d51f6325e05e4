import { StdinClosedError } from "../calls/errors.ts";
import type { Process, ProcessExit } from "./process.ts";

/** A command that has run to its end. */
export interface FinishedProcess extends ProcessExit {
  /** Decoded as UTF-8. The output of a terminal is all in `stdout`. */
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes of output that are lost, because this program read too slowly or was away; else 0. */
  readonly lostBytes: number;
}

/** Gives a process its input, and collects its output until it has ended. */
export async function finished(
  process: Process,
  input: string | Uint8Array | undefined,
): Promise<FinishedProcess> {
  const fed = input === undefined ? undefined : feed(process, input);
  // A failure is awaited below, when the output has ended; until then it counts as handled.
  fed?.catch(() => {});
  const texts = { stdout: "", stderr: "" };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  let lostBytes = 0;
  for await (const chunk of process) {
    const stream = chunk.stream === "stderr" ? "stderr" : "stdout";
    texts[stream] += decoders[stream].decode(chunk.bytes, { stream: true });
    lostBytes += chunk.lostBytes;
  }
  await fed;
  return { ...(await process.exit), lostBytes, ...texts };
}

/**
 * A program may end without reading all of its input, which is no error. After any other failure
 * its stdin stays open, and a program that reads on would wait for ever: so it is killed.
 */
async function feed(process: Process, input: string | Uint8Array): Promise<void> {
  try {
    await process.stdin.write(input);
    await process.stdin.end();
  } catch (error) {
    if (error instanceof StdinClosedError) return;
    await process.kill();
    throw error;
  }
}
