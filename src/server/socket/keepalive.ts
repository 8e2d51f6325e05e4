import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { PatientTimer } from "../../async/patient-timer.ts";
import { heartbeatIntervalMs, heartbeatMissesMax, resumeProbeMs } from "../../limits.ts";
import { signsOfLife } from "../../protocol/signs-of-life.ts";

const silenceMs = (heartbeatMissesMax + 1) * heartbeatIntervalMs;

/**
 * Finds out that a client is gone although no packet says so: a lost network, a sleeping laptop, a
 * client that hangs. Bytes that arrive count as a sign of life, and so do bytes that it accepts.
 */
export class Keepalive {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #onSilence: (reason: string) => void;
  readonly #hasShownLife: () => boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<(alive: boolean) => void>();
  #misses = 0;
  /** Whether a heartbeat's ping is unanswered. */
  #isAsked = false;
  #lastLook: PatientTimer | undefined;

  /** `onSilence` is called with the reason before the connection is ended. */
  constructor(socket: WebSocket, tcp: Socket, onSilence: (reason: string) => void) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#onSilence = onSilence;
    this.#hasShownLife = signsOfLife(tcp);
    this.#timer = setInterval(() => this.#beat(), heartbeatIntervalMs).unref();
    socket.on("pong", (payload: Buffer) => this.#onPong(payload));
    socket.on("close", () => this.#stop());
  }

  /** To be called when something has arrived. */
  heard(): void {
    this.#misses = 0;
    for (const answer of this.#waiting) answer(true);
  }

  /** Asks for a sign of life now; false when none comes in time. */
  probe(): Promise<boolean> {
    const hasShownLife = signsOfLife(this.#tcp);
    return new Promise((resolve) => {
      const answer = (alive: boolean) => {
        timer.stop();
        this.#waiting.delete(answer);
        resolve(alive);
      };
      const timer = new PatientTimer(resumeProbeMs, () => answer(hasShownLife()));
      this.#waiting.add(answer);
      if (this.#socket.readyState !== this.#socket.OPEN) answer(false);
      else this.#socket.ping();
    });
  }

  #beat(): void {
    if (this.#hasShownLife()) this.#misses = 0;
    const isMoving = this.#misses === 0;
    if (this.#misses++ < heartbeatMissesMax) this.#ask(isMoving);
    else this.#lastLook ??= new PatientTimer(0, () => this.#endUnlessAlive()).unref();
  }

  /**
   * While a long message is under way to us, the client's pongs wait behind it. More pings would
   * tell nothing new, and some libraries cut a connection on which too many pongs wait.
   */
  #ask(isMoving: boolean): void {
    if (isMoving && this.#isAsked) return;
    this.#isAsked = true;
    this.#socket.ping();
  }

  /** Runs when everything that came while the server stood still has been read. */
  #endUnlessAlive(): void {
    this.#lastLook = undefined;
    if (this.#hasShownLife()) this.#misses = 0;
    if (this.#misses === 0) return;
    this.#onSilence(`nothing moved on it for ${silenceMs / 1000} s`);
    this.#socket.terminate();
  }

  /** Heartbeats have no payload; a pong with one answers another kind of ping. */
  #onPong(payload: Buffer): void {
    if (payload.length === 0) this.#isAsked = false;
    this.heard();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#lastLook?.stop();
    for (const answer of this.#waiting) answer(false);
  }
}
