import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { newcomersMax, newcomersQuietMs, newcomersShareOfFiles } from "../limits.ts";
import type { Log } from "./log.ts";

type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress">;

/**
 * Connections that are no WebSockets yet: of clients that shake hands, of probes, and of who only
 * takes descriptors until his time is over, a thousand a second if he likes. Of too many the oldest
 * goes: who means to get on needs milliseconds for what the others never do.
 */
export class Newcomers {
  /** By their ends, which an encrypted connection shares with the one that it is made of. */
  readonly #sockets = new Map<string, Socket>();
  readonly #log: Log;
  readonly #max = Math.min(newcomersMax, Math.floor(openFilesMax() / newcomersShareOfFiles));
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(log: Log) {
    this.#log = log;
  }

  add(socket: Socket): void {
    const ends = endsOf(socket);
    this.#sockets.set(ends, socket);
    socket.once("close", () => {
      if (this.#sockets.get(ends) === socket) this.#sockets.delete(ends);
    });
    if (this.#sockets.size > this.#max) this.#cutOldest();
  }

  /** It is a WebSocket now, which is counted elsewhere. */
  arrived(socket: Ends): void {
    this.#sockets.delete(endsOf(socket));
  }

  #cutOldest(): void {
    const [oldest] = this.#sockets;
    if (oldest === undefined) return;
    const [ends, socket] = oldest;
    this.#sockets.delete(ends);
    socket.destroy();
    this.#tell();
  }

  /** Once, and again after a time without any: each line that is written makes a flood worse. */
  #tell(): void {
    const now = performance.now();
    const isNew = now - this.#toldAtMs > newcomersQuietMs;
    this.#toldAtMs = now;
    if (!isNew) return;
    this.#log(
      "warn",
      `more than ${this.#max} connections have sent no whole request: the oldest of them are cut`,
    );
  }
}

const endsOf = ({ remoteAddress, remotePort, localAddress }: Ends) =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

/** How many files this process may have open, where the system tells. */
function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return files === undefined ? Number.POSITIVE_INFINITY : Number(files);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
