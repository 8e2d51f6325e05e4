import { randomBytes } from "node:crypto";
import { v4 as uuidV4 } from "uuid";
import { PatientTimer } from "../../async/patient-timer.ts";
import { errorCodes, invalidRequest, RpcError } from "../../protocol/errors.ts";
import { type Attachment, type MakeProcesses, Session } from "./session.ts";
import type { SessionEnding, SessionWatch } from "./session-watch.ts";

interface SessionRegistryOptions {
  readonly makeProcesses: MakeProcesses;
  readonly watch: SessionWatch;
  readonly sessionsMax: number;
  /**
   * How long a detached session lives. The time during which the server stood still is not counted.
   */
  readonly ttlMs: number;
}

interface Entry {
  readonly session: Session;
  expiry?: PatientTimer;
}

/** All sessions of a server by their id. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  create(attachment: Attachment): Session {
    if (this.isFull) throw tooManySessions(this.#options.sessionsMax);
    const session = new Session(newSessionId(), this.#options.makeProcesses);
    this.#options.watch.opened(session, attachment.peer);
    session.attach(attachment);
    this.#entries.set(session.id, { session });
    return session;
  }

  /**
   * Attaches the session to another connection. When it is still attached, its old connection is
   * probed: if that is alive, this fails with -32010; if not, it is cut. The old connection of the
   * same client (by `clientId`) is cut unprobed, because behind a proxy it can look alive for long.
   * Fails with -32600 for an unknown id.
   */
  async resume(id: string, attachment: Attachment): Promise<Session> {
    for (;;) {
      const entry = this.#entries.get(id);
      if (entry === undefined) throw invalidRequest(`unknown session id ${id}`);
      const { session } = entry;
      const holder = session.attachment;
      if (holder === undefined) {
        this.#options.watch.resumed(session, attachment.peer);
        entry.expiry?.stop();
        session.attach(attachment);
        return session;
      }
      const isOwn = isSameClient(holder, attachment);
      if (!isOwn && (await holder.isAlive())) throw alreadyAttached(id);
      // Several may have probed the same holder: one cuts it, the others start over with the new
      // one.
      if (session.attachment !== holder) continue;
      holder.cut("the session was resumed by another connection");
      this.detach(session, holder);
    }
  }

  /** The connection is gone: the session expires unless another one resumes it in time. */
  detach(session: Session, attachment: Attachment): void {
    const entry = this.#entries.get(session.id);
    if (entry === undefined || session.attachment !== attachment) return;
    session.detach();
    const { ttlMs } = this.#options;
    const expire = () => void this.end(session.id, "expired");
    entry.expiry = new PatientTimer(ttlMs, expire).unref();
  }

  /** Kills the processes of the session and forgets it. */
  async end(id: string, ending: SessionEnding): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.expiry?.stop();
    this.#entries.delete(id);
    await entry.session.close();
    this.#options.watch.ended(entry.session, ending);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((id) => this.end(id, "server stopped")));
  }

  /** Whether no session can be opened until another one ends. */
  get isFull(): boolean {
    return this.#entries.size >= this.#options.sessionsMax;
  }

  /** Sessions with and without a connection. */
  get census() {
    const sessions = Array.from(this.#entries.values(), ({ session }) => session);
    const attached = sessions.filter(({ attachment }) => attachment !== undefined).length;
    return { attached, detached: sessions.length - attached };
  }
}

/** With Node's own random bytes: loading WebCrypto would delay the first client. */
const newSessionId = () => uuidV4({ random: randomBytes(16) });

const isSameClient = ({ peer: one }: Attachment, { peer: two }: Attachment) =>
  one.clientId !== undefined && one.clientId === two.clientId;

const alreadyAttached = (id: string) =>
  new RpcError(
    errorCodes.sessionAttached,
    `session ${id} is already attached to another connection`,
  );

const tooManySessions = (sessionsMax: number) =>
  invalidRequest(
    `this server has its maximum of ${sessionsMax} sessions; end one by session/end, or start the ` +
      "server with a larger --max-sessions",
  );
