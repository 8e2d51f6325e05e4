import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { heartbeatIntervalMs, heartbeatMissesMax, resumeProbeMs } from "../limits.ts";
import { signsOfLife } from "../protocol/signs-of-life.ts";

/**
 * Finds out that the other end is gone although no packet said so: a lost network, a laptop asleep,
 * a client that hangs. Anything that arrives counts as a sign of life, and so does anything that
 * the other end takes.
 */
export class Keepalive {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #hasShownLife: () => boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<(alive: boolean) => void>();
  #misses = 0;

  constructor(socket: WebSocket, tcp: Socket) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#hasShownLife = signsOfLife(tcp);
    this.#timer = setInterval(() => this.#beat(), heartbeatIntervalMs).unref();
    socket.on("pong", () => this.heard());
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
        clearTimeout(timer);
        this.#waiting.delete(answer);
        resolve(alive);
      };
      const timer = setTimeout(() => answer(hasShownLife()), resumeProbeMs);
      this.#waiting.add(answer);
      if (this.#socket.readyState !== this.#socket.OPEN) answer(false);
      else this.#socket.ping();
    });
  }

  #beat(): void {
    if (this.#hasShownLife()) this.#misses = 0;
    if (this.#misses++ < heartbeatMissesMax) this.#socket.ping();
    else this.#socket.terminate();
  }

  #stop(): void {
    clearInterval(this.#timer);
    for (const answer of this.#waiting) answer(false);
  }
}
