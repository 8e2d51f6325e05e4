import type { WebSocket } from "ws";
import { heartbeatIntervalMs, heartbeatMissesMax, resumeProbeMs } from "../limits.ts";

/**
 * Finds out that the other end is gone although no packet said so: a lost network, a laptop asleep,
 * a client that hangs. Anything that arrives counts as a sign of life.
 */
export class Keepalive {
  readonly #socket: WebSocket;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<(alive: boolean) => void>();
  #misses = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
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
    return new Promise((resolve) => {
      const answer = (alive: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(answer);
        resolve(alive);
      };
      const timer = setTimeout(answer, resumeProbeMs, false);
      this.#waiting.add(answer);
      if (this.#socket.readyState !== this.#socket.OPEN) answer(false);
      else this.#socket.ping();
    });
  }

  #beat(): void {
    if (this.#misses++ < heartbeatMissesMax) this.#socket.ping();
    else this.#socket.terminate();
  }

  #stop(): void {
    clearInterval(this.#timer);
    for (const answer of this.#waiting) answer(false);
  }
}
