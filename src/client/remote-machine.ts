import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { remoteEnvironment } from "../environment/remote/environment.ts";
import type { FollowedProcesses } from "../environment/remote/followed-processes.ts";
import { sessionEndWaitMs, timerMsMax } from "../limits.ts";
import type { Event, EventParams, ProcessEvent } from "../protocol/methods.ts";
import { isTemporary } from "./calls/errors.ts";
import { type ConnectionOptions, openConnection } from "./connection/connect.ts";
import { type RecoveryOptions, Session } from "./connection/recovery.ts";
import type { OnEvent } from "./connection/rpc-client.ts";
import type { Machine, MachineListener } from "./machine.ts";

export interface RemoteMachineOptions extends ConnectionOptions, RecoveryOptions {
  /** Resumes this session, and its processes, of a client that is gone. Default: a new session. */
  readonly resumeSessionId?: string | undefined;
  /** Aborts connecting; has no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
}

const times = [
  "connectTimeoutMs",
  "initializeTimeoutMs",
  "heartbeatIntervalMs",
  "reconnectIntervalMs",
  "reconnectWindowMs",
] as const;

/**
 * Rounds and bounds times, because timers need whole numbers, and Node fires those above its
 * maximum at once.
 */
export function forTimers(options: RemoteMachineOptions): RemoteMachineOptions {
  const bounded = times.map((name) => {
    const ms = options[name];
    return [name, ms === undefined ? ms : Math.min(Math.ceil(ms), timerMsMax)];
  });
  return { ...options, ...Object.fromEntries(bounded) };
}

/** Connects to another machine, and reconnects when the connection breaks. */
export async function remoteMachine(
  url: string,
  options: RemoteMachineOptions,
  listener: MachineListener,
): Promise<Machine> {
  const { followed, ...environment } = remoteEnvironment({
    call: (method, params, signal) => session.call(method, params, signal),
    emit: listener.emit,
    onLost: listener.onOutputLost,
    onFailed: listener.onProcessFailed,
    isTemporary,
    pushesRest: () => session.info.capabilities?.processReadPushRest ?? false,
  });
  const onEvent = routeEvents(followed, listener);
  const isBehind = () => listener.isBehind() || followed.isBehind;
  const client = { url, options, clientId: randomUUID(), onEvent, isBehind };
  const open = (resumeSessionId: string | undefined, signal: AbortSignal | undefined) =>
    openConnection({ ...client, resumeSessionId, signal });
  const session = new Session(await open(options.resumeSessionId, options.signal), {
    ...options,
    reopen: open,
    onDisconnected: listener.onDisconnected,
    onResumed: () => {
      followed.recover();
      listener.onResumed();
    },
    onLost: listener.onLost,
  });
  return {
    ...environment,
    info: session.info,
    sessionId: session.id,
    follow: (processId) => followed.follow(processId),
    resumeOutput: () => {}, // Reading of the socket is never paused.
    detach: () => session.close("left by `detach`"),
    close: () => close(session, followed),
  };
}

/** Process events may be missing or repeated after a reconnection, so they are ordered first. */
function routeEvents(followed: FollowedProcesses, { emit }: MachineListener): OnEvent {
  const isOfProcess = (event: Event): event is ProcessEvent => event.startsWith("process/");
  return (event, params) => {
    if (isOfProcess(event)) followed.accept(event, params as EventParams<ProcessEvent>);
    else emit(event, params);
  };
}

/** Ends the session, waiting for the answer at most `sessionEndWaitMs`. */
async function close(session: Session, followed: FollowedProcesses): Promise<void> {
  const late = new AbortController();
  const waited = delay(sessionEndWaitMs, undefined, { signal: late.signal });
  // A session that cannot be ended now expires on the executor.
  if (session.isConnected) await Promise.race([end(session, followed), waited]).catch(() => {});
  late.abort();
  waited.catch(() => {});
  session.close("closed by its owner");
}

/** Kills all processes where the executor has no `session/end`; the session then expires. */
const end = ({ call, info }: Session, followed: FollowedProcesses) =>
  info.capabilities?.sessionEnd ? call("session/end", {}) : followed.terminateAll();
