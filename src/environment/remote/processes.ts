import type { Call, Emit, EventParams, ProcessEvent } from "../../protocol/methods.ts";
import type { Processes } from "../processes.ts";
import { EventSequence } from "./event-sequence.ts";

export interface RemoteProcessesOptions {
  readonly call: Call;
  /**
   * Gets the events of each process in order, each once. Its result is ignored: the socket is never
   * paused for a slow reader, because it also carries answers for others.
   */
  readonly emit: Emit<ProcessEvent>;
  /** Whether the executor has the capability `processReadPushRest`. */
  readonly pushesRest?: () => boolean;
  /**
   * Called before the next event of a process when at least so many bytes of its output are lost.
   */
  readonly onLost?: (processId: string, bytes: number) => void;
  /** Whether a call failed only because of the connection; `recover` is called after that. */
  readonly isTemporary?: (error: unknown) => boolean;
  /** Called when nothing more can be learned about the process. */
  readonly onFailed?: (processId: string, error: Error) => void;
}

/** Processes of another machine, which survive lost connections to it. */
export interface RemoteProcesses extends Processes {
  /** Takes an event that the executor has pushed. */
  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void;
  /** Follows a process that another client has started, from its first retained event on. */
  follow(processId: string): void;
  /** Reads the events that were pushed while the connection was broken. */
  recover(): void;
  /** Whether events that have come may have to be sent again. */
  readonly isBehind: boolean;
  /** Kills all processes that are not known to be closed. */
  terminateAll(): Promise<void>;
}

export function remoteProcesses(options: RemoteProcessesOptions): RemoteProcesses {
  const { call } = options;
  const followed = new Followed(options);
  return {
    start: (params, signal) =>
      followed.whileStarting(params.processId, () => call("process/start", params, signal)),
    read: (params) => call("process/read", params),
    write: (params, signal) => call("process/write", params, signal),
    closeStdin: (params, signal) => call("process/closeStdin", params, signal),
    resize: (params, signal) => call("process/resize", params, signal),
    signal: (params, signal) => call("process/signal", params, signal),
    terminate: (params, signal) => call("process/terminate", params, signal),
    list: (signal) => call("process/list", {}, signal),
    accept: (event, params) => followed.accept(event, params),
    follow: (processId) => followed.follow(processId),
    recover: () => followed.recover(),
    get isBehind() {
      return followed.isBehind;
    },
    terminateAll: async () => {
      const terminations = followed
        .ids()
        .map((processId) => call("process/terminate", { processId }));
      await Promise.all(terminations);
    },
  };
}

interface FollowedProcess {
  readonly sequence: EventSequence;
  /** True until its start is answered: before that the executor may not know the id. */
  starting: boolean;
  missedSome: boolean;
}

/** The processes whose events are put in order, until they are closed. */
class Followed {
  readonly #options: RemoteProcessesOptions;
  readonly #processes = new Map<string, FollowedProcess>();

  constructor(options: RemoteProcessesOptions) {
    this.#options = options;
  }

  ids(): string[] {
    return [...this.#processes.keys()];
  }

  get isBehind(): boolean {
    return [...this.#processes.values()].some(({ sequence }) => sequence.isBehind);
  }

  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    this.#processes.get(params.processId)?.sequence.accept(event, params);
  }

  follow(processId: string): void {
    void this.#add(processId, false).sequence.fill();
  }

  recover(): void {
    for (const process of this.#processes.values()) {
      if (process.starting) process.missedSome = true;
      else process.sequence.recover();
    }
  }

  /**
   * Follows a process during its start, because events may come before the answer. If the id is
   * taken, the executor refuses the start, and that process's events go on.
   */
  async whileStarting<T>(processId: string, start: () => Promise<T>): Promise<T> {
    if (this.#processes.has(processId)) return start();
    const process = this.#add(processId, true);
    try {
      const answer = await start();
      process.starting = false;
      if (process.missedSome) process.sequence.recover();
      return answer;
    } catch (error) {
      this.#processes.delete(processId);
      if (this.#options.isTemporary?.(error)) this.#terminateLost(processId);
      throw error;
    }
  }

  /** The start may have succeeded, and nothing else would end the process. */
  #terminateLost(processId: string): void {
    // If the session is lost, its processes have ended.
    this.#options.call("process/terminate", { processId }).catch(() => {});
  }

  #add(processId: string, starting: boolean): FollowedProcess {
    const { call, emit, isTemporary, onLost, onFailed, pushesRest = never } = this.#options;
    const sequence = new EventSequence({
      processId,
      read: (params) => call("process/read", params),
      pushesRest,
      emit: (event, params) => {
        if (event === "process/closed") this.#processes.delete(processId);
        return emit(event, params);
      },
      onLost: (bytes) => onLost?.(processId, bytes),
      onFailed: (error) => {
        if (isTemporary?.(error)) return;
        this.#processes.delete(processId);
        onFailed?.(processId, error);
      },
    });
    const process = { sequence, starting, missedSome: false };
    this.#processes.set(processId, process);
    return process;
  }
}

const never = () => false;
