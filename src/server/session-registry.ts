import { v4 as uuidV4 } from "uuid";
import type { LocalProcesses } from "../environment/local/processes.ts";
import { errorCodes, invalidRequest, RpcError } from "../protocol/errors.ts";
import type { Emit, ProcessEvent } from "../protocol/methods.ts";
import { type Attachment, Session } from "./session.ts";

interface SessionRegistryOptions {
  readonly makeProcesses: (emit: Emit<ProcessEvent>) => LocalProcesses;
  /** How long a session without a connection lives. */
  readonly ttlMs: number;
}

interface Entry {
  readonly session: Session;
  expiry?: { readonly at: number; readonly timer: NodeJS.Timeout };
}

/** All sessions of a server by their id. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  create(attachment: Attachment): Session {
    const session = new Session(uuidV4(), this.#options.makeProcesses);
    session.attach(attachment);
    this.#entries.set(session.id, { session });
    return session;
  }

  /**
   * Gives the session to another connection. One that is attached is refused with -32010 when its
   * connection shows that it lives, and taken from it when it does not. Fails with -32600 for an
   * unknown id; whether it has expired is decided here, not by when a timer happens to fire.
   */
  async resume(id: string, attachment: Attachment): Promise<Session> {
    for (;;) {
      const { session } = this.#livingEntry(id);
      const holder = session.attachment;
      if (holder === undefined) {
        this.#stopExpiry(id);
        session.attach(attachment);
        return session;
      }
      if (await holder.isAlive()) throw alreadyAttached(id);
      holder.cut("the session was resumed by another connection");
      this.detach(session, holder);
    }
  }

  /** The connection is gone: the session waits for another one. */
  detach(session: Session, attachment: Attachment): void {
    const entry = this.#entries.get(session.id);
    if (entry === undefined || session.attachment !== attachment) return;
    session.detach();
    const { ttlMs } = this.#options;
    const timer = setTimeout(() => void this.end(session.id), ttlMs).unref();
    entry.expiry = { at: performance.now() + ttlMs, timer };
  }

  /** Kills what the session started and forgets it. */
  async end(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#stopExpiry(id);
    this.#entries.delete(id);
    await entry.session.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((id) => this.end(id)));
  }

  #livingEntry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined && !isExpired(entry)) return entry;
    void this.end(id);
    throw invalidRequest(`unknown session id ${id}`);
  }

  #stopExpiry(id: string): void {
    const entry = this.#entries.get(id);
    clearTimeout(entry?.expiry?.timer);
    delete entry?.expiry;
  }
}

const isExpired = (entry: Entry) =>
  entry.expiry !== undefined && performance.now() >= entry.expiry.at;

const alreadyAttached = (id: string) =>
  new RpcError(
    errorCodes.sessionAttached,
    `session ${id} is already attached to another connection`,
  );
