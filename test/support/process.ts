import type { EventParams } from "../../src/protocol/methods.ts";
import type { Sandbox } from "../../src/protocol/sandbox.ts";
import type { Client } from "./client.ts";

type Output = EventParams<"process/output">;

/** What a process said until it was closed. */
export interface Finished {
  readonly exitCode: number;
  readonly sandboxDenied: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly pty: string;
  /** Its pieces of output in the order in which they were numbered. */
  readonly chunks: readonly Output[];
  /** The numbers of all its events, sorted: 1, 2, 3, … when nothing was lost. */
  readonly seqs: readonly number[];
}

interface Command {
  readonly argv: string[];
  readonly processId?: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly tty?: boolean;
  readonly pipeStdin?: boolean;
  readonly sandbox?: Sandbox | undefined;
}

let nextProcess = 1;

/**
 * Starts a command in `/` with a plain PATH and gives its id; further fields go along as they are.
 */
export async function start(client: Client, command: Command): Promise<string> {
  const { processId } = await client.request("process/start", {
    processId: `process-${nextProcess++}`,
    cwd: "file:///",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    tty: false,
    ...command,
  });
  return processId;
}

/** Starts a command and waits until it is closed. */
export async function run(client: Client, command: Command): Promise<Finished> {
  return finish(client, await start(client, command));
}

/** Gathers everything a process says until it is closed. */
export async function finish(client: Client, processId: string): Promise<Finished> {
  const ours = (params: { readonly processId: string }) => params.processId === processId;
  const closed = await client.event("process/closed", ours);
  const exited = await client.event("process/exited", ours);
  const chunks = await outputsOf(client, processId, closed.seq - 2);
  const textOf = (stream: Output["stream"]) => decode(chunks.filter((c) => c.stream === stream));
  return {
    exitCode: exited.exitCode,
    sandboxDenied: exited.sandboxDenied,
    stdout: textOf("stdout"),
    stderr: textOf("stderr"),
    pty: textOf("pty"),
    chunks,
    seqs: [...chunks.map((chunk) => chunk.seq), exited.seq, closed.seq].sort((a, b) => a - b),
  };
}

/** Events share one count, so that the last one tells how many pieces of output there were. */
async function outputsOf(client: Client, processId: string, count: number): Promise<Output[]> {
  const outputs: Output[] = [];
  while (outputs.length < count) {
    outputs.push(await client.event("process/output", (params) => params.processId === processId));
  }
  return outputs.sort((a, b) => a.seq - b.seq);
}

function decode(chunks: readonly Output[]): string {
  return Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk, "base64"))).toString();
}
