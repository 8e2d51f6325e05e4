import { confinementEndMs } from "../../limits.ts";
import { invalidParams } from "../../protocol/errors.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Sandbox } from "../../protocol/sandbox.ts";
import type { WaitingProcess } from "../../sandbox/confined-process.ts";
import type { LocalSandbox } from "../../sandbox/sandbox.ts";
import { HeldSink } from "./held-sink.ts";
import { settledWithin } from "./settled-within.ts";
import type { ProcessSink, SpawnedProcess, Spawner, SpawnRequest } from "./spawn/spawner.ts";
import { checkStrings } from "./spawn/start-failure.ts";

/** A start that is confined, and what has to be done for it afterwards. */
export interface Confinement {
  readonly request: SpawnRequest;
  /**
   * The start is over; it failed where there is no process. Rejects when the process, which has not
   * run its program yet, is to be killed. Gives the group of the program, if it has one of its own.
   */
  started(child?: WaitingProcess): Promise<number | undefined>;
  /**
   * The process has ended, or could not be started. Once. Settles when nothing of its sandbox is
   * left, or that takes too long, and never rejects.
   */
  ended(): Promise<void>;
  /** Names in a workspace that are directories only to keep them from coming into being. */
  standIns(): readonly string[];
}

/** Undefined when nothing confines the process: nobody asked, or what was asked for is nothing. */
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
  const { started, standIns } = confined;
  // A mount point that could not be removed now is marked, and removed later.
  const ended = () => settledWithin(confined.ended(), confinementEndMs);
  const { stdio } = request;
  const ofSandbox = { ...confined.request, stdio };
  return { request: { ...request, arg0: undefined, ...ofSandbox }, started, ended, standIns };
}

/**
 * Starts a process that waits until it is known that what confines it is what was meant. Where it
 * is not the process is killed, and nobody hears of it, nor of an end of its own.
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
    held.passTo(deaf);
    if (child) await child.killTree();
    else await started();
    await ended();
    throw error;
  }
}

function nothing(): void {}

const deaf: ProcessSink = {
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

/** There is no proxy here through which alone the network could be reached: nothing is started. */
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
