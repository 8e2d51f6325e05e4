import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { heartbeatIntervalMs, heartbeatMissesMax, resumeProbeMs } from "../limits.ts";
import { PatientTimer } from "../protocol/patient-timer.ts";
import { signsOfLife } from "../protocol/signs-of-life.ts";

const silenceMs = (heartbeatMissesMax + 1) * heartbeatIntervalMs;

/**
 * Finds out that the other end is gone although no packet said so: a lost network, a laptop asleep,
 * a client that hangs. Anything that arrives counts as a sign of life, and so does anything that
 * the other end takes.
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

  /** `onSilence` is told the reason before the connection is ended for it. */
  constructor(socket: WebSocket, tcp: Socket, onSilence: (reason: string) => void) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#onSilence = onSilence;
    this.#hasShownLife = signsOfLife(tcp);
    this.#timer = setInterval(() => this.#beat(), heartbeatIntervalMs).unref();
    socket.on("pong", (payload: Buffer) => this.#onPong(payload));
    socket.on("close", () => this.#stop());
  }

  /** Tells that something arrived. */
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
   * While a long message is on its way, pongs wait behind it: more pings would ask nothing new, and
   * there are libraries that cut a connection on which too many pongs wait.
   */
  #ask(isMoving: boolean): void {
    if (isMoving && this.#isAsked) return;
    this.#isAsked = true;
    this.#socket.ping();
  }

  /** What came while the server stood still has been read now. */
  #endUnlessAlive(): void {
    this.#lastLook = undefined;
    if (this.#hasShownLife()) this.#misses = 0;
    if (this.#misses === 0) return;
    this.#onSilence(`nothing moved on it for ${silenceMs / 1000} s`);
    this.#socket.terminate();
  }

  /** That of a ping with a content, which others send, answers none of these. */
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
