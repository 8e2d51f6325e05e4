import { deferred } from "../async/deferred.ts";
import type { Event, EventParams } from "../protocol/methods.ts";
import { checkArguments, checkOptions } from "./calls/options.ts";
import { perform } from "./calls/perform.ts";
import type { Environment, ProcessSummary } from "./environment.ts";
import { filesThrough } from "./files/file-operations.ts";
import { MissingWatch } from "./files/missing-watch.ts";
import { BodyStreams } from "./http/body-streams.ts";
import { fetchThrough } from "./http/fetch.ts";
import type { Machine, MachineListener } from "./machine.ts";
import { finished } from "./processes/finish.ts";
import { type Process, RunningProcess } from "./processes/process.ts";
import { type StartOptions, startRequest } from "./processes/start.ts";

/**
 * Wraps a machine in the public `Environment`. `open` gets the listener for the machine's events.
 */
export async function environmentOver(
  open: (listener: MachineListener) => Promise<Machine>,
): Promise<Environment> {
  const surface = new Surface();
  const machine = await open(surface.listener);
  return surface.over(machine);
}

/** Routes the events of a machine to the processes, bodies and watch that they are about. */
class Surface {
  readonly #processes = new Map<string, RunningProcess>();
  readonly #lost = deferred<Error>();
  readonly #end = new AbortController();
  #machine: Machine | undefined;
  #watch: MissingWatch | undefined;
  readonly #bodies = new BodyStreams({
    onCancel: (requestId) => this.#cancelRequest(requestId),
    onRoom: () => this.#machine?.resumeOutput(),
  });

  /** A handler that returns false asks for a pause; only HTTP bodies do. */
  readonly #events: { readonly [E in Event]: (params: EventParams<E>) => unknown } = {
    "process/output": (output) => this.#processes.get(output.processId)?.output.push(output),
    "process/exited": (exit) => this.#processes.get(exit.processId)?.exited(exit),
    "process/closed": ({ processId }) => this.#take(processId)?.ended(),
    "http/request/bodyDelta": (delta) => this.#bodies.accept(delta),
    "fs/missingChanged": ({ watchId }) => this.#watch?.changed(watchId),
  };

  readonly listener: MachineListener = {
    emit: (event, params) => {
      // A newer executor may send events that are unknown here.
      const isKnown = Object.hasOwn(this.#events, event);
      return !isKnown || this.#events[event](params) !== false;
    },
    isBehind: () => [...this.#processes.values()].some(({ output }) => output.isBehind),
    onOutputLost: (processId, bytes) => this.#processes.get(processId)?.output.lose(bytes),
    onProcessFailed: (processId, error) => this.#take(processId)?.failed(error),
    onDisconnected: (error) => this.#bodies.fail(error),
    onResumed: () => this.#watch?.resume(),
    onLost: (error) => this.#fail(error),
  };

  over(machine: Machine): Environment {
    this.#machine = machine;
    this.#watch = new MissingWatch(machine.fileSystem);
    const start: Environment["start"] = (argv, options) => this.#start(machine, argv, options);
    return {
      info: machine.info,
      sessionId: machine.sessionId,
      files: filesThrough({
        fileSystem: machine.fileSystem,
        watch: this.#watch,
        lost: this.#end.signal,
        canResume: machine.info.capabilities?.fileWriteResume ?? false,
        canRefuseLinks: machine.info.capabilities?.fileOpenNoFollow ?? false,
      }),
      start,
      run: (argv, options = {}) =>
        perform(options, async () => {
          const { input, ...rest } = options;
          const stdin = input !== undefined;
          return finished(await start(argv, { stdin, ...rest }), input);
        }),
      list: (options = {}) => perform(options, () => list(machine, options.signal)),
      attach: (processId) => this.#attach(machine, processId),
      fetch: fetchThrough({
        http: machine.http,
        bodies: this.#bodies,
        cancel: (requestId) => this.#cancelRequest(requestId),
      }),
      check: (options = {}) =>
        perform(options, async () => void (await machine.host.status(options.signal))),
      lost: this.#lost.promise,
      detach: () => machine.detach(),
      close: () => machine.close(),
      [Symbol.asyncDispose]: () => machine.close(),
    };
  }

  async #start(machine: Machine, argv: readonly string[], options: StartOptions = {}) {
    checkOptions(options);
    const { signal } = options;
    signal?.throwIfAborted();
    const request = startRequest(argv, options, machine.info.cwd ?? "file:///");
    const process = this.#enter(machine, request.processId);
    // A failed kill is ignored: with a lost session the process is killed anyway.
    const kill = () => void process.kill().catch(() => {});
    signal?.addEventListener("abort", kill, { once: true });
    void process.closed.finally(() => signal?.removeEventListener("abort", kill)).catch(() => {});
    try {
      await perform(options, () => machine.processes.start(request, signal));
      return process;
    } catch (error) {
      this.#take(request.processId)?.failed(error as Error);
      throw error;
    }
  }

  #attach(machine: Machine, processId: string): Process {
    checkArguments({ id: processId });
    const process = this.#enter(machine, processId);
    machine.follow(processId);
    return process;
  }

  #enter(machine: Machine, processId: string): RunningProcess {
    if (this.#processes.has(processId)) throw new TypeError(`process ${processId} is in use here`);
    const process = new RunningProcess(processId, machine.processes);
    this.#processes.set(processId, process);
    return process;
  }

  #take(processId: string): RunningProcess | undefined {
    const process = this.#processes.get(processId);
    this.#processes.delete(processId);
    return process;
  }

  #cancelRequest(requestId: string): void {
    if (!this.#machine?.info.capabilities?.httpCancel) return;
    // No caller waits for a cancelled request any more, so a failure changes nothing.
    this.#machine.http.cancel({ requestId }).catch(() => {});
  }

  #fail(error: Error): void {
    for (const processId of this.#processes.keys()) this.#take(processId)?.failed(error);
    this.#bodies.fail(error);
    this.#end.abort(error);
    this.#lost.resolve(error);
  }
}

async function list(machine: Machine, signal: AbortSignal | undefined): Promise<ProcessSummary[]> {
  const { processes } = await machine.processes.list(signal);
  return processes.map(({ processId, argv, tty, running, exitCode }) => ({
    id: processId,
    argv,
    terminal: tty,
    running,
    exitCode,
  }));
}
