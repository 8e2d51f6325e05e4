import type { LocalEnvironment } from "../../environment/local/environment.ts";
import type { EventReceiver, ProcessObserver } from "../../environment/local/output/event-feed.ts";
import type { LocalProcesses } from "../../environment/local/processes.ts";
import { loggedIdCharsMax } from "../../limits.ts";
import { invalidRequest } from "../../protocol/errors.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { traceparentOf } from "../watch/request-traces.ts";
import { enterAfterwards, type Telemetry } from "../watch/telemetry.ts";
import type { Session } from "./session.ts";

interface Watched {
  readonly startedAtMs: number;
  readonly tty: boolean;
  /** The trace of the request that started it. */
  readonly traceparent: string | undefined;
  outputBytes: number;
  exitCode: number | undefined;
}

type Make = LocalEnvironment["processes"];
type Start = LocalProcesses["start"];
type StartParams = Params<"process/start">;

interface WatchOptions {
  readonly receiver: EventReceiver;
  readonly telemetry: Telemetry;
  /** Processes that may be open at once; one more is refused. */
  readonly processesMax: number;
}

/** The processes of a session, whose starts and ends are logged, counted and audited. */
export function watchedProcesses(
  make: Make,
  session: Session,
  { receiver, telemetry, processesMax }: WatchOptions,
): LocalProcesses {
  const watch = new ProcessWatch(session, telemetry, processesMax);
  const processes = make(receiver.emit, {
    emitOutput: receiver.emitOutput,
    observer: watch,
    receipts: () => session.attachment?.receipts,
  });
  const start = processes.start.bind(processes);
  return Object.assign(processes, { start: (params: StartParams) => watch.start(params, start) });
}

class ProcessWatch implements ProcessObserver {
  readonly #session: Session;
  readonly #telemetry: Telemetry;
  readonly #processesMax: number;
  readonly #open = new Map<string, Watched>();

  constructor(session: Session, telemetry: Telemetry, processesMax: number) {
    this.#session = session;
    this.#telemetry = telemetry;
    this.#processesMax = processesMax;
  }

  /** Registers the process before it is started, because output can come before the answer. */
  async start(params: StartParams, start: Start): Promise<Result<"process/start">> {
    const { processId, tty } = params;
    // A start with an id that is taken will be refused, and must not change that process's entry.
    const isTaken = this.#open.has(processId);
    if (!isTaken && this.#open.size >= this.#processesMax) throw tooMany(this.#processesMax);
    this.#enterStart(params);
    const traceparent = traceparentOf(params);
    const startedAtMs = performance.now();
    const watched = { startedAtMs, tty, traceparent, outputBytes: 0, exitCode: undefined };
    if (!isTaken) this.#open.set(processId, watched);
    try {
      const result = await start(params);
      this.#countStart();
      return result;
    } catch (error) {
      if (!isTaken) this.#open.delete(processId);
      this.#enterFailure(processId, error);
      throw error;
    }
  }

  output(processId: string, bytes: number): void {
    const watched = this.#open.get(processId);
    if (watched === undefined) return;
    watched.outputBytes += bytes;
    this.#session.counts.outputBytes += bytes;
    this.#telemetry.counters.outputBytes += bytes;
  }

  exited(processId: string, exitCode: number): void {
    const watched = this.#open.get(processId);
    if (watched) watched.exitCode = exitCode;
  }

  closed(processId: string): void {
    const watched = this.#open.get(processId);
    if (watched) this.#enterEnd(processId, watched);
  }

  #countStart(): void {
    this.#session.counts.processes++;
    this.#telemetry.counters.processesStarted++;
    this.#telemetry.counters.processesOpen++;
  }

  /** Enters the program only, not its arguments, because arguments carry secrets. */
  #enterStart({ processId, argv, cwd, tty, sandbox }: StartParams): void {
    this.#telemetry.audit?.enter("process-started", {
      session: this.#session.label,
      process: processId,
      program: argv[0],
      arguments: Math.max(argv.length - 1, 0),
      cwd,
      tty,
      sandbox: sandbox != null,
    });
  }

  #enterFailure(processId: string, error: unknown): void {
    const code = (error as { readonly code?: number }).code;
    enterAfterwards(this.#telemetry, "process-not-started", {
      session: this.#session.label,
      process: processId,
      code,
    });
  }

  #enterEnd(processId: string, { startedAtMs, exitCode, ...watched }: Watched): void {
    this.#open.delete(processId);
    this.#telemetry.counters.processesOpen--;
    const process = processId.slice(0, loggedIdCharsMax);
    const fields = { session: this.#session.label, process, exitCode };
    enterAfterwards(this.#telemetry, "process-ended", fields);
    const durationMs = Math.round(performance.now() - startedAtMs);
    this.#telemetry.log("info", "process ended", { ...fields, durationMs, ...watched });
  }
}

const tooMany = (processesMax: number) =>
  invalidRequest(
    `this session has its maximum of ${processesMax} processes; wait for one to end, terminate one, ` +
      "or start the server with a larger --max-processes",
  );
