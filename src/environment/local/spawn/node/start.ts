import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { constants as system } from "node:os";
import { OomScore } from "../descendants/oom-score.ts";
import type { SpawnRequest } from "../start/spawner.ts";
import { errnoOf, explainFailure, startFailure, systemFailure } from "../start/start-failure.ts";
import { nodeFeed } from "./feed.ts";
import { closeAll, type FifoSupply, type PipeEnds } from "./fifos.ts";
import type { NodeConnections } from "./process.ts";
import { readReport, scriptArguments } from "./terminal.ts";
import { toolEnv } from "./tools.ts";

export interface NodeStart {
  readonly child: ChildProcess;
  readonly connections: Pick<NodeConnections, "pid" | "outputs" | "inputFd" | "device" | "feeds">;
}

/** A request, with the program that the look-up found. */
interface Found {
  readonly request: SpawnRequest;
  readonly program: string;
  readonly fifos: FifoSupply;
}

export const scriptPath = "/usr/bin/script";

/** Rejects with a SpawnError. */
export async function startPiped(found: Found): Promise<NodeStart> {
  const { request, program } = found;
  const [, ...args] = request.argv;
  const hasInput = request.stdio === "pipes+stdin";
  const { pipes, further, feeds } = await openPipes(
    found,
    hasInput ? ["read", "read", "write"] : ["read", "read"],
  );
  const [stdout, stderr, third] = pipes;
  // Without stdin the third pipe is a feed's.
  const input = hasInput ? third : undefined;
  const child = await launch(found, pipes, () =>
    spawn(program, args, {
      ...optionsOf(request),
      argv0: request.arg0 ?? request.argv[0],
      env: request.env,
      stdio: [input?.theirs ?? "ignore", stdout?.theirs, stderr?.theirs, ...further],
    }),
  );
  const outputs = [
    { stream: "stdout", fd: stdout?.ours ?? -1 },
    { stream: "stderr", fd: stderr?.ours ?? -1 },
  ] as const;
  const inputFd = input?.ours;
  const connections = { pid: child.pid ?? 0, outputs, inputFd, device: undefined, feeds };
  return { child, connections };
}

/**
 * Starts a program in a terminal of `script`, which copies between that and two pipes of ours.
 * Rejects with a SpawnError.
 */
export async function startTerminal(found: Found): Promise<NodeStart> {
  const { request } = found;
  if (request.arg0 !== undefined && request.arg0 !== request.argv[0]) {
    const about = "another argv[0] in a terminal needs the native module (koffi)";
    throw startFailure(system.errno.EINVAL, "arguments", about);
  }
  const args = scriptArguments(request, found.program);
  const { pipes, further, feeds } = await openPipes(found, ["read", "write", "read"]);
  const [output, input, report] = pipes;
  const child = await launch(found, pipes, () =>
    spawn(scriptPath, args, {
      ...optionsOf(request),
      env: { ...toolEnv, SHELL: "/bin/sh" },
      stdio: [input?.theirs, output?.theirs, "ignore", ...further, report?.theirs],
    }),
  );
  const terminal = await readReport(report?.ours ?? -1);
  if (!terminal) {
    child.kill("SIGKILL");
    closeAll([output?.ours ?? -1, input?.ours ?? -1]);
    for (const feed of feeds) feed.close();
    throw systemFailure(system.errno.EIO, "`script` made no terminal for the process");
  }
  const outputs = [{ stream: "pty", fd: output?.ours ?? -1 }] as const;
  return { child, connections: { ...terminal, outputs, inputFd: input?.ours, feeds } };
}

function optionsOf({ cwd }: SpawnRequest): SpawnOptions {
  return { cwd: cwd.toString(), detached: true };
}

/**
 * `pipes` are those of the streams, then of the feeds; `further` are the process's descriptors
 * after its streams.
 */
async function openPipes({ fifos, request }: Found, uses: ("read" | "write")[]) {
  const { feeds: contents = [], fds = [] } = request;
  const pipes = await open(fifos, [...uses, ...contents.map(() => "write" as const)]);
  const feeding = pipes.slice(uses.length);
  const feeds = contents.map((content, at) => nodeFeed(feeding[at]?.ours ?? -1, content));
  return { pipes, further: [...fds, ...feeding.map(({ theirs }) => theirs)], feeds };
}

async function open(fifos: FifoSupply, uses: ("read" | "write")[]): Promise<PipeEnds[]> {
  try {
    return await fifos.open(uses);
  } catch (thrown) {
    throw systemFailure(errnoOf(thrown), "no pipe for the process");
  }
}

let oomScore: OomScore | undefined;

/** Raises the score during `start`, in which the process must be started: it inherits the score. */
function withRaisedOomScore<T>(start: () => T): T {
  oomScore ??= new OomScore();
  oomScore.raise();
  try {
    return start();
  } finally {
    oomScore.restore();
  }
}

/** child_process throws some failures and emits others. */
async function launch(
  { request, program }: Found,
  pipes: readonly PipeEnds[],
  start: () => ChildProcess,
): Promise<ChildProcess> {
  try {
    const child = withRaisedOomScore(start);
    if (child.pid === undefined) throw (await once(child, "error"))[0];
    // A later error is about a signal that could not be sent, which its sender sees.
    child.on("error", () => {});
    return child;
  } catch (thrown) {
    closeAll(pipes.map(({ ours }) => ours));
    throw await explainFailure(errnoOf(thrown), request, program);
  } finally {
    closeAll(pipes.map(({ theirs }) => theirs));
  }
}
