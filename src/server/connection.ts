import type { Host } from "../environment/environment.ts";
import type { FileAnswers } from "../environment/file-system.ts";
import type { Http } from "../environment/http.ts";
import type { LocalEnvironment } from "../environment/local/environment.ts";
import type { LocalFileSystem } from "../environment/local/file-system.ts";
import type { LocalHttp } from "../environment/local/http.ts";
import type { LocalProcesses } from "../environment/local/processes.ts";
import { invalidRequest } from "../protocol/errors.ts";
import type { Emit, Event, Method, Params, Result } from "../protocol/methods.ts";
import { rememberedMethods } from "../protocol/repeatable.ts";
import { type BulkTurns, isBulk } from "./bulk-turns.ts";
import { PathOrder } from "./path-order.ts";
import type { Attachment, Session } from "./sessions/session.ts";
import type { SessionRegistry } from "./sessions/session-registry.ts";
import { touchedPaths, touchesPaths } from "./touched-paths.ts";

interface ConnectionOptions {
  readonly environment: LocalEnvironment;
  readonly sessions: SessionRegistry;
  readonly attachment: Attachment & { readonly emit: Emit<Event> };
  readonly bulk: BulkTurns;
}

/**
 * One client as the handlers see it. Handlers reach processes, files and HTTP only through its
 * methods, and these refuse a client that is not initialized yet, or whose session has ended or was
 * resumed elsewhere. So no handler can forget the check.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #order = new PathOrder();
  #fileSystem: LocalFileSystem | undefined;
  #http: LocalHttp | undefined;
  #session: Session | undefined;
  #state: "new" | "initializing" | "initialized" | "ready" = "new";
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  async initialize(params: Params<"initialize">): Promise<Result<"initialize">> {
    if (this.#state !== "new")
      throw invalidRequest("initialize may only be sent once per connection");
    this.#state = "initializing";
    const { peer } = this.#options.attachment;
    peer.clientName = params.clientName;
    peer.clientId = params.clientId ?? undefined;
    try {
      this.#session = await this.#openSession(params);
    } catch (error) {
      // After a refused resume the client may ask for a new session on the same connection.
      this.#state = "new";
      throw error;
    }
    this.#state = "initialized";
    const environmentInfo = await this.#options.environment.host.info();
    return { sessionId: this.#session.id, environmentInfo };
  }

  /** The client has sent `initialized`, which is ignored before `initialize`. */
  initialized(): void {
    if (this.#state === "initialized") this.#state = "ready";
  }

  host(family: string): Host {
    this.#admit(family);
    return this.#options.environment.host;
  }

  processes(): LocalProcesses {
    this.#admit("exec");
    return this.#ownSession().processes;
  }

  fileSystem(): FileAnswers {
    this.#admit("filesystem");
    this.#fileSystem ??= this.#options.environment.fileSystem(this.#options.attachment.emit);
    return this.#fileSystem;
  }

  http(): Http {
    this.#admit("http");
    this.#http ??= this.#options.environment.http(this.#options.attachment.emit);
    return this.#http;
  }

  async endSession(): Promise<Result<"session/end">> {
    this.#admit("session");
    await this.#options.sessions.end(this.#ownSession().id, "ended by its client");
    return {};
  }

  /** The session's name in logs; undefined before there is a session. */
  get sessionLabel(): string | undefined {
    return this.#session?.label;
  }

  /**
   * Runs a request, unless the session has answered one with the same request id before, maybe over
   * another connection: then that answer is given again.
   */
  once<T>(method: Method, params: object | null | undefined, run: () => T): T {
    const requestId = requestIdOf(method, params);
    if (requestId === undefined || !this.#session) return run();
    return this.#session.answers.once(requestId, run) as T;
  }

  /** Runs a request behind earlier ones that it must not overtake, about the same files. */
  ordered<T>(method: Method, params: object | null | undefined, run: () => T): T | Promise<T> {
    if (!touchesPaths(method)) return run();
    return this.#order.run(() => touchedPaths(method, params ?? {}), run) as T | Promise<T>;
  }

  /**
   * Runs a request when there is room for its answer. A `process/read` first waits for its process
   * and for output, which may take for ever, and only then takes its turn, without waiting again.
   */
  inTurn<M extends Method, T>(
    method: M,
    params: Params<M>,
    run: (params: Params<M>) => T,
  ): T | Promise<T> {
    const { bulk } = this.#options;
    if (!isBulk(method)) return run(params);
    if (method !== "process/read") return bulk.run(method, params, () => run(params));
    const now = { ...params, waitMs: 0 } as Params<M>;
    return this.processes()
      .news(params as Params<"process/read">)
      .then(() => bulk.run(method, now, () => run(now)));
  }

  /** The client has caught up: processes and bodies that were paused for it go on. */
  resumeOutput(): void {
    this.#session?.processes.resumeOutput();
    this.#http?.resumeOutput();
  }

  /** The client is gone: ends files and HTTP requests, and detaches the session, which lives on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.bulk.close();
    if (this.#session) this.#options.sessions.detach(this.#session, this.#options.attachment);
    await Promise.all([this.#fileSystem?.close(), this.#http?.close()]);
  }

  async #openSession(params: Params<"initialize">): Promise<Session> {
    const { resumeSessionId, holdEvents } = params;
    const { sessions, attachment } = this.#options;
    if (resumeSessionId == null) return sessions.create(attachment);
    const session = await sessions.resume(resumeSessionId, attachment);
    if (holdEvents) session.processes.holdEvents();
    if (!this.#isClosed) return session;
    // The client left while the old connection was probed: nobody else would detach the session.
    sessions.detach(session, attachment);
    throw invalidRequest("the connection was closed while the session was being resumed");
  }

  #admit(family: string): void {
    if (this.#state === "ready") return;
    const missing = this.#state === "initialized" ? "send initialized" : "call initialize";
    throw invalidRequest(`client must ${missing} before using ${family} methods`);
  }

  #ownSession(): Session {
    const session = this.#session;
    if (session?.attachment === this.#options.attachment) return session;
    throw invalidRequest("session has ended or has been resumed by another connection");
  }
}

/** The id of a request that must be carried out only once; undefined for any other. */
function requestIdOf(method: Method, params: object | null | undefined): string | undefined {
  if (!rememberedMethods.has(method)) return undefined;
  const { requestId } = (params ?? {}) as { requestId?: string | null };
  return requestId == null ? undefined : `${method} ${requestId}`;
}
