import type { Call, Emit, EventParams, ProcessEvent } from "../../protocol/methods.ts";
import { EventSequence } from "./event-sequence.ts";

export interface FollowedProcessesOptions {
  readonly call: Call;
  /**
   * Gets the events of each process in order, each once. Its result is ignored: the socket is never
   * paused for a slow reader, because it also carries answers for others.
   */
  readonly emit: Emit<ProcessEvent>;
  /** Whether the executor has the capability `processReadPushRest`. */
  readonly pushesRest: () => boolean;
  /**
   * Called before the next event of a process when at least so many bytes of its output are lost.
   */
  readonly onLost: (processId: string, bytes: number) => void;
  /** Whether a call failed only because of the connection; `recover` is called after that. */
  readonly isTemporary: (error: unknown) => boolean;
  /** Called when nothing more can be learned about the process. */
  readonly onFailed: (processId: string, error: Error) => void;
}

interface FollowedProcess {
  readonly sequence: EventSequence;
  /** True until its start is answered: before that the executor may not know the id. */
  starting: boolean;
  missedSome: boolean;
}

/** The processes whose events are put in order, until they are closed. */
export class FollowedProcesses {
  readonly #options: FollowedProcessesOptions;
  readonly #processes = new Map<string, FollowedProcess>();

  constructor(options: FollowedProcessesOptions) {
    this.#options = options;
  }

  /** Whether events that have come may have to be sent again. */
  get isBehind(): boolean {
    return [...this.#processes.values()].some(({ sequence }) => sequence.isBehind);
  }

  /** Takes an event that the executor has pushed. */
  accept<E extends ProcessEvent>(event: E, params: EventParams<E>): void {
    this.#processes.get(params.processId)?.sequence.accept(event, params);
  }

  /** Follows a process that another client has started, from its first retained event on. */
  follow(processId: string): void {
    void this.#add(processId, false).sequence.fill();
  }

  /** Reads the events that were pushed while the connection was broken. */
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
      // The start may have succeeded, and nothing else would end the process. If terminating it
      // fails, the session is lost, and its processes have ended.
      if (this.#options.isTemporary(error)) this.#terminate(processId).catch(() => {});
      throw error;
    }
  }

  /** Kills all processes that are not known to be closed. */
  async terminateAll(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((processId) => this.#terminate(processId)));
  }

  #terminate(processId: string): Promise<unknown> {
    return this.#options.call("process/terminate", { processId });
  }

  #add(processId: string, starting: boolean): FollowedProcess {
    const { call, emit, isTemporary, onLost, onFailed, pushesRest } = this.#options;
    const sequence = new EventSequence({
      processId,
      read: (params) => call("process/read", params),
      pushesRest,
      emit: (event, params) => {
        if (event === "process/closed") this.#processes.delete(processId);
        return emit(event, params);
      },
      onLost: (bytes) => onLost(processId, bytes),
      onFailed: (error) => {
        if (isTemporary(error)) return;
        this.#processes.delete(processId);
        onFailed(processId, error);
      },
    });
    const process = { sequence, starting, missedSome: false };
    this.#processes.set(processId, process);
    return process;
  }
}
