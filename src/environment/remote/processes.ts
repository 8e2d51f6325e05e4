import type { Call, Emit, EventParams, ProcessEvent } from "../../protocol/methods.ts";
import type { Processes } from "../processes.ts";
import { EventSequence } from "./event-sequence.ts";

export interface RemoteProcessesOptions {
  readonly call: Call;
  /**
   * Gets the events of each process in order, each once. Its answer is not looked at: the socket is
   * never stopped for a slow reader, because answers to others share it.
   */
  readonly emit: Emit<ProcessEvent>;
  /** Whether the executor has the capability `processReadPushRest`. */
  readonly pushesRest?: () => boolean;
  /** At least so many bytes of output are lost before the next event of the process. */
  readonly onLost?: (processId: string, bytes: number) => void;
  /** Whether a call failed only because of a connection, after which `recover` follows. */
  readonly isTemporary?: (error: unknown) => boolean;
  /** Nothing more will be learned of the process. */
  readonly onFailed?: (processId: string, error: Error) => void;
}

/** Processes of another machine, whatever happens to the connections to it. */
export interface RemoteProcesses extends Processes {
  /** Takes in an event as it was pushed. */
  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void;
  /** Learns about a process that was started by somebody else, from its first retained event on. */
  follow(processId: string): void;
  /** What was pushed while the connection was broken is asked for. */
  recover(): void;
  /** Whether events that came may have to come once more. */
  readonly isBehind: boolean;
  /** Kills those that are not known to be closed. */
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
  /** Until its start is answered the executor may not know it, so that it cannot be asked. */
  starting: boolean;
  missedSome: boolean;
}

/** The processes whose events are put in order, from their start until they are closed. */
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

  /** Events may come before the answer. A taken id is refused by the executor; its events go on. */
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

  /** It may have been started all the same, and nobody would ever end it. */
  #terminateLost(processId: string): void {
    // A session that is lost has ended its processes.
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
