import { settledWithin } from "../../../async/settled-within.ts";
import { confinementEndMs } from "../../../limits.ts";
import { invalidParams } from "../../../protocol/errors.ts";
import type { Params } from "../../../protocol/methods.ts";
import type { Sandbox } from "../../../protocol/sandbox.ts";
import type { ConfinedProcess } from "../../../sandbox/confined-process.ts";
import type { LocalSandbox } from "../../../sandbox/sandbox.ts";
import type { ProcessSink, SpawnedProcess, Spawner, SpawnRequest } from "../spawn/start/spawner.ts";
import { checkStrings } from "../spawn/start/start-failure.ts";
import { HeldSink } from "./held-sink.ts";

/** A start in a sandbox, and what has to be done after it. */
export interface Confinement extends Omit<ConfinedProcess, "request"> {
  readonly request: SpawnRequest;
  /** Settles when nothing of its sandbox is left, or that takes too long, and never rejects. */
  ended(): Promise<void>;
}

/** Undefined when nothing confines the process: no sandbox is asked for, or one without effect. */
export async function confinementOf(
  params: Params<"process/start">,
  request: SpawnRequest,
  sandbox: LocalSandbox | undefined,
): Promise<Confinement | undefined> {
  if (!params.sandbox || asksForNothing(params.sandbox)) return undefined;
  if (!sandbox) throw unenforceable("it has no sandbox for processes");
  checkStrings(request);
  const confined = await sandbox.confine(params.sandbox, request);
  if (!confined) return undefined;
  const { stdio } = request;
  return {
    request: { ...request, arg0: undefined, ...confined.request, stdio },
    started: (child) => confined.started(child),
    // A mount point that cannot be removed now is marked, and removed later.
    ended: () => settledWithin(confined.ended(), confinementEndMs),
    standIns: () => confined.standIns(),
  };
}

/**
 * Starts a process that waits until its sandbox is known to be the intended one. Otherwise the
 * process is killed, and `sink` is told nothing of it.
 */
export async function startConfined(
  spawner: Spawner,
  { request, started, ended }: Confinement,
  sink: ProcessSink,
): Promise<SpawnedProcess> {
  const held = new HeldSink();
  const lastWords = () => held.lastWords(confinementEndMs);
  let child: SpawnedProcess | undefined;
  try {
    child = await spawner.start(request, held);
    const { pid, feeds } = child;
    const group = await started({ pid, feeds, lastWords });
    if (group !== undefined) child.leaveSignalsTo(group);
    held.passTo(sink);
    return child;
  } catch (error) {
    held.passTo(ignoringSink);
    if (child) await child.killTree();
    else await started();
    await ended();
    throw error;
  }
}

function nothing(): void {}

const ignoringSink: ProcessSink = {
  output: nothing,
  exited: nothing,
  ended: nothing,
  drained: nothing,
  stdinGone: nothing,
};

function asksForNothing({ permissions }: Sandbox): boolean {
  if (permissions.type === "managed") return false;
  return permissions.type === "disabled" || permissions.network === "enabled";
}

/** Refuses a start that may reach the network only through a proxy, which this server lacks. */
export function refuseManagedNetwork({ sandbox, enforceManagedNetwork }: Params<"process/start">) {
  if (!sandbox || !enforceManagedNetwork) return;
  throw unenforceable(
    "enforceManagedNetwork needs a network proxy, which this server does not have; " +
      "leave it out and use network `restricted`",
  );
}

function unenforceable(why: string) {
  return invalidParams(`sandbox intent cannot be enforced on this executor: ${why}`);
}
